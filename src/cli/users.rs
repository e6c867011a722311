//! `hlscam user`, and the options of the server that say who may do what.

use crate::users::ROLE_DEFAULT;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Where users are kept.
#[derive(Args, Debug)]
pub struct UsersFileArgs {
    /// The file of users; one that is not there is made when a user is added
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// In place of --users: the folder that is --storage of the stream, which then uses its file by itself
    #[arg(long, value_name = "DIR")]
    pub storage: Option<PathBuf>,
}

/// `hlscam user`.
#[derive(Debug, Subcommand)]
pub enum UserArgs {
    /// Add a user; the password is asked for, or is the first line of stdin
    Add {
        /// The user's name
        #[arg(value_name = "NAME")]
        name: String,
        /// What the user may do: viewer watches and rewinds; operator also writes notes, makes recordings and sets the camera;
        /// admin may do all
        #[arg(long, value_name = "ROLE", default_value = ROLE_DEFAULT.name())]
        role: String,
        /// Where.
        #[command(flatten)]
        file: UsersFileArgs,
    },
    /// Give a user another password; it is asked for, or is the first line of stdin. Who is logged in with the old one is so no more
    Password {
        /// The user's name
        #[arg(value_name = "NAME")]
        name: String,
        /// Where.
        #[command(flatten)]
        file: UsersFileArgs,
    },
    /// Give a user another role
    Role {
        /// The user's name
        #[arg(value_name = "NAME")]
        name: String,
        /// The role: viewer, operator or admin
        #[arg(value_name = "ROLE")]
        role: String,
        /// Where.
        #[command(flatten)]
        file: UsersFileArgs,
    },
    /// Remove a user, who is logged in no more
    Remove {
        /// The user's name
        #[arg(value_name = "NAME")]
        name: String,
        /// Where.
        #[command(flatten)]
        file: UsersFileArgs,
    },
    /// List the users and their roles
    List {
        /// Print JSON to stdout
        #[arg(long)]
        json: bool,
        /// Where.
        #[command(flatten)]
        file: UsersFileArgs,
    },
}

/// Who may do what, of the server.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub struct UsersArgs {
    /// Who may watch, and do more: a file that `hlscam user add` makes; with --storage, the one in that folder, if it is there
    #[arg(long, value_name = "FILE")]
    pub users: Option<PathBuf>,
    /// In place of users: a file whose first line is the one password, with which anybody may do all
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Let everybody who reaches the address watch, and change what can be changed; without users, --bind to a network needs it
    #[arg(long)]
    pub open: bool,
}
