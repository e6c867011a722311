//! The seam between the command line and the pipeline.

use crate::{config::Command, console::Console};

/// Runs one command to its end.
pub fn run(command: Command, console: &Console) -> anyhow::Result<()> {
    if let Command::Stream(_, server) = command {
        let listener = std::net::SocketAddr::new(server.bind, server.port);
        console.show_addresses(&crate::console::addresses::addresses(listener, &crate::console::addresses::interfaces()?));
    }
    Ok(())
}
