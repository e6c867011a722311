//! What was typed of a camera that nobody watches.

use clap::Args;

/// What is done while nobody watches and nothing is recorded.
#[derive(Args, Debug)]
#[command(next_help_heading = "Source")]
pub struct DemandArgs {
    /// Open the camera with the first viewer, and close it 15 s after the last one; whoever records is a viewer
    #[arg(long)]
    pub on_demand: bool,
    /// Take so many pictures a second while nobody watches and nothing is recorded: 5
    #[arg(long, value_name = "RATE")]
    pub idle_fps: Option<String>,
}
