//! `/api/cameras/NAME/controls`: what of a camera can be set while it runs ([`crate::source::control`]).

use super::markers::{body_of, reply_of};
use crate::{
    camera::Camera,
    events::EventKind,
    marker::draft::{self, BadJson},
    server::{
        context::Served,
        http::{
            answer::{Answer, Call},
            reply::{json, later, plain},
        },
        origin::Reply,
        routes::Route,
    },
    source::control::{
        Control, PortError,
        board::{ControlBoard, ControlError, Told},
        settings::{SETTINGS_MAX, Setting},
    },
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Calls of one camera's driver at a time: it takes them one after the other, and one that hangs holds one thread.
pub(in crate::server) const CALLS_AT_ONCE: usize = 1;
/// Longest wait for a driver: its own time-out of a control is 5 s, and its listing asks for many.
const DRIVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Seconds after which a client asks again for a camera that is gone.
const RETRY_AFTER_S: u32 = 1;

/// `GET /api/cameras/NAME/controls`.
pub(in crate::server) fn list(call: Call) -> Answer {
    Answer::held(reply_of(async move {
        let served = served(&call)?;
        let listed = ask(&served, |board| match board.list() {
            // One that has none now, or never.
            Err(ControlError::None) => Ok(None),
            listed => listed.map(Some),
        });
        let absence = || served.camera.status.stream.capture.absence();
        match (listed.await?, absence()) {
            (Some(controls), _) => Ok(listing(&controls)),
            (None, Some(_)) => Err(refused(&served.camera, &ControlError::None)),
            (None, None) => Ok(listing(&[])),
        }
    }))
}

/// `PUT /api/cameras/NAME/controls`: sets those that the body names.
pub(in crate::server) fn set(call: Call) -> Answer {
    Answer::held(reply_of(async move {
        let served = served(&call)?;
        let Call { shared, request, .. } = call;
        let body = body_of(&shared, request).await?;
        let settings = read(&body).map_err(|bad| plain(400, format!("{bad}\n")))?;
        let (told, outcome) = ask(&served, move |board| Ok(board.set(&settings))).await?;
        if !told.is_empty() {
            tell(&served.camera, told);
        }
        let controls = outcome.map_err(|error| refused(&served.camera, &error))?;
        Ok(listing(&controls))
    }))
}

fn listing(controls: &[Control]) -> Reply {
    json(200, &serde_json::json!({ "controls": controls }))
}

/// The camera that the path names.
fn served(call: &Call) -> Result<Arc<Served>, Reply> {
    let name = if let Some(Route::Controls(name)) = Route::parse(call.uri().path()) { name } else { "" };
    call.shared.find(name).cloned().ok_or_else(|| call.shared.no_camera())
}

/// Asks the driver, on a thread that may block.
async fn ask<T: Send + 'static>(
    served: &Served,
    ask: impl FnOnce(&ControlBoard) -> Result<T, ControlError> + Send + 'static,
) -> Result<T, Reply> {
    let (board, turn) = (served.camera.controls.clone(), served.control_calls.clone());
    let asked = async move {
        let turn = Semaphore::acquire_owned(turn).await;
        spawn_blocking(move || {
            let _turn = turn;
            ask(&board)
        })
        .await
    };
    match timeout(DRIVER_TIMEOUT, asked).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| refused(&served.camera, &error)),
        Ok(Err(_)) => Err(plain(500, "this is a bug; the log says more\n")),
        Err(_) => Err(later(503, "the camera's driver does not answer\n", RETRY_AFTER_S)),
    }
}

/// Reads what is to be set: an object of names and numbers, texts or truth values.
fn read(body: &[u8]) -> Result<Vec<Setting>, BadJson> {
    let fields: BTreeMap<String, Value> = draft::parse(body)?;
    if fields.is_empty() {
        return Err(BadJson("nothing would change; send names of controls and their values".to_owned()));
    }
    if fields.len() > SETTINGS_MAX {
        return Err(BadJson(format!("these are more than {SETTINGS_MAX} controls")));
    }
    fields.into_iter().map(|(name, value)| setting(&name, value)).collect()
}

fn setting(name: &str, value: Value) -> Result<Setting, BadJson> {
    let value = match value {
        Value::Number(number) => number.to_string(),
        Value::Bool(is_on) => is_on.to_string(),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => return Err(BadJson(format!("{name} is a number, a text, true or false"))),
    };
    Ok(Setting { name: name.trim().to_ascii_lowercase(), value })
}

/// Tells all listeners what was set.
fn tell(camera: &Camera, told: Told) {
    camera.markers.events.publish(camera.clock.wall(), EventKind::ControlsChanged(told));
}

fn refused(camera: &Camera, error: &ControlError) -> Reply {
    let gone = |why: &str| later(503, format!("{why}\n"), RETRY_AFTER_S);
    match error {
        ControlError::Bad(_) => plain(400, format!("{error}\n")),
        ControlError::Port(PortError::Gone) => gone(&error.to_string()),
        ControlError::Port(PortError::Refused(_)) => plain(409, format!("{error}\n")),
        ControlError::None => match camera.status.stream.capture.absence() {
            Some(why) => gone(&why),
            None => plain(409, "this camera has nothing that can be set here\n"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: Result<&str, &str>) {
        let told = read(body.as_bytes()).map(|settings| settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        assert_eq!(told.map_err(|bad| bad.to_string()), expect.map(str::to_owned).map_err(str::to_owned), "{body}");
    }

    #[test]
    fn a_body_is_read_as_what_was_typed_would_be() {
        check(
            r#"{"brightness":-3,"Exposure":"Auto","grey":true,"zoom":1.5}"#,
            Ok("exposure=auto,brightness=-3,grey=true,zoom=1.5"),
        );
        check("{}", Err("nothing would change; send names of controls and their values"));
        check(r#"{"a":null}"#, Err("a is a number, a text, true or false"));
        check(r#"{"a":[1]}"#, Err("a is a number, a text, true or false"));
    }
}
