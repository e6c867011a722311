//! What was typed of recordings that are made by themselves.

use crate::{archive::auto_record, quantity::span_text};
use clap::Args;

/// When the stream is recorded by itself.
#[derive(Args, Debug)]
#[command(next_help_heading = "Recordings")]
pub struct RulesArgs {
    /// Make a recording of each time that markers of these kinds are open: face, or several with commas between [needs --storage]
    #[arg(long, value_name = "KIND,...", requires = "storage")]
    pub record_on: Option<String>,
    /// Make a recording in these hours of the week, by the clock of this computer: "mon-fri 08:00-18:00, sat 22:00-06:00" [needs
    /// --storage]
    #[arg(long, value_name = "HOURS", requires = "storage")]
    pub record_schedule: Option<String>,
    /// How long before a marker its recording begins
    #[arg(long, value_name = "TIME", requires = "record_on", default_value = span_text(auto_record::PRE_ROLL_DEFAULT))]
    pub record_pre_roll: String,
    /// How long behind the last marker its recording ends
    #[arg(long, value_name = "TIME", requires = "record_on", default_value = span_text(auto_record::POST_ROLL_DEFAULT))]
    pub record_post_roll: String,
    /// How long such recordings are kept when the window is shorter, as far as there is room: 30d; without it as long as the window
    #[arg(long, value_name = "TIME", requires = "storage")]
    pub record_keep: Option<String>,
}
