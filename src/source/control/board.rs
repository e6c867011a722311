//! The controls of one camera: set as asked when its source is opened, and as they were set since when it is opened again.

use super::{
    Control, ControlKind, ControlPort, PortError, ToldValue,
    settings::{BadSetting, Change, Setting, resolve},
};
use crate::{
    picture::Picture,
    source::{Given, Losses, OpenError, Source, SourceError, SourceFormat},
    sync::lock,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

/// The controls of a camera, of which there is one board from start to end, however often its source is opened.
#[derive(Default)]
pub struct ControlBoard {
    /// What was asked for at the start.
    asked: Vec<Setting>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The controls of the source that is open.
    port: Option<Arc<dyn ControlPort>>,
    /// What was set since, by the names of the controls.
    kept: BTreeMap<String, i64>,
    has_opened: bool,
}

/// Why controls cannot be listed or set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No source with controls is open.
    #[error("the source has no controls that can be set")]
    None,
    /// A setting means nothing.
    #[error(transparent)]
    Bad(#[from] BadSetting),
    /// The driver does not do it.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What was set: the values as they are told, by the names of their controls.
pub type Told = BTreeMap<String, ToldValue>;

impl ControlBoard {
    /// The board of a camera of which that is asked.
    pub fn new(asked: Vec<Setting>) -> ControlBoard {
        ControlBoard { asked, state: Mutex::default() }
    }

    /// Sets the controls of a source that was opened, and holds them until the source is dropped. A setting that means nothing refuses the
    /// source at first. Later it does not: the camera that is back may be another.
    pub fn attach(self: &Arc<Self>, source: Box<dyn Source>) -> Result<Box<dyn Source>, OpenError> {
        let port = source.controls();
        let (has_opened, kept) = {
            let state = lock(&self.state);
            (state.has_opened, state.kept.clone())
        };
        let inactive = if has_opened { Inactive::LeftOut } else { Inactive::Refused };
        if let Err(error) = self.set_at_opening(port.as_deref(), &kept, inactive) {
            let name = &source.format().name;
            if !has_opened {
                return Err(OpenError(format!("cannot set the controls of {name}: {error}")));
            }
            tracing::warn!("{name} is back, and its controls are not as they were: {error}");
        }
        let mut state = lock(&self.state);
        (state.port, state.has_opened) = (port, true);
        drop(state);
        Ok(Box::new(Attached { source, board: self.clone() }))
    }

    fn set_at_opening(
        &self,
        port: Option<&dyn ControlPort>,
        kept: &BTreeMap<String, i64>,
        inactive: Inactive,
    ) -> Result<(), ControlError> {
        if self.asked.is_empty() && kept.is_empty() {
            return Ok(());
        }
        let port = port.ok_or(ControlError::None)?;
        let controls = port.controls()?;
        let mut changes = resolve(&self.asked, &controls)?;
        // What was set later counts.
        changes.retain(|change| !kept.contains_key(&change.control.name));
        let kept = controls.into_iter().filter_map(|control| Some(Change { value: *kept.get(&control.name)?, control }));
        changes.extend(kept);
        changes.sort_by_key(|change| is_number(&change.control));
        set_all(port, &changes, inactive).1
    }

    /// All controls, as they are now. Blocks for as long as the driver does.
    pub fn list(&self) -> Result<Vec<Control>, ControlError> {
        Ok(self.port()?.controls()?)
    }

    /// Sets controls, all or, where one of the settings means nothing, none; where the driver refuses one, those before it are set. What was
    /// set, and all controls as they are then. Blocks for as long as the driver does.
    pub fn set(&self, settings: &[Setting]) -> (Told, Result<Vec<Control>, ControlError>) {
        let mut told = Told::new();
        let outcome = self.set_and_tell(settings, &mut told);
        (told, outcome)
    }

    fn set_and_tell(&self, settings: &[Setting], told: &mut Told) -> Result<Vec<Control>, ControlError> {
        let port = self.port()?;
        let changes = resolve(settings, &port.controls()?)?;
        let (n_set, outcome) = set_all(&*port, &changes, Inactive::Refused);
        let controls = port.controls();
        // The driver may have taken another value, and that is kept.
        let is_now = |control: &Control| controls.as_ref().ok()?.iter().find(|now| now.id == control.id)?.value;
        let mut state = lock(&self.state);
        for Change { control, value } in &changes[..n_set] {
            let value = is_now(control).unwrap_or(*value);
            state.kept.insert(control.name.clone(), value);
            told.insert(control.name.clone(), control.told(value));
        }
        drop(state);
        outcome?;
        Ok(controls?)
    }

    fn port(&self) -> Result<Arc<dyn ControlPort>, ControlError> {
        lock(&self.state).port.clone().ok_or(ControlError::None)
    }
}

impl fmt::Debug for ControlBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlBoard").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// What becomes of a control that has no effect now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inactive {
    /// It is set if the driver lets it.
    Refused,
    /// The camera sets it itself; that is as it was.
    LeftOut,
}

/// Sets what switches something, then numbers, as they are sorted: by then it is known which of them have an effect. How many were set.
fn set_all(port: &dyn ControlPort, changes: &[Change], inactive: Inactive) -> (usize, Result<(), ControlError>) {
    let n_switches = changes.partition_point(|change| !is_number(&change.control));
    let mut now = Vec::new();
    for (n_set, change) in changes.iter().enumerate() {
        if n_set == n_switches && n_switches > 0 {
            now = match port.controls() {
                Ok(now) => now,
                Err(error) => return (n_set, Err(error.into())),
            };
        }
        let control = now.iter().find(|control| control.id == change.control.id).unwrap_or(&change.control);
        if let Err(error) = set_one(port, change, control.is_active)
            && (control.is_active || inactive == Inactive::Refused)
        {
            return (n_set, Err(error.into()));
        }
    }
    (changes.len(), Ok(()))
}

fn set_one(port: &dyn ControlPort, change: &Change, is_active: bool) -> Result<(), PortError> {
    port.set(&change.control, change.value).map_err(|error| match error {
        PortError::Gone => PortError::Gone,
        PortError::Refused(why) => {
            let (name, value) = (&change.control.name, change.control.told(change.value));
            let inactive = if is_active { "" } else { "; the camera sets it itself now, by another control" };
            PortError::Refused(format!("the camera refuses {name}={value}: {why}{inactive}"))
        }
    })
}

fn is_number(control: &Control) -> bool {
    matches!(control.kind, ControlKind::Integer { .. })
}

/// A source whose controls are on the board, until it is dropped.
struct Attached {
    source: Box<dyn Source>,
    board: Arc<ControlBoard>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        lock(&self.board.state).port = None;
    }
}

impl Source for Attached {
    fn next(&mut self) -> Result<Picture, SourceError> {
        self.source.next()
    }

    fn next_given(&mut self) -> Result<Given, SourceError> {
        self.source.next_given()
    }

    fn format(&self) -> &SourceFormat {
        self.source.format()
    }

    fn losses(&self) -> Losses {
        self.source.losses()
    }

    fn controls(&self) -> Option<Arc<dyn ControlPort>> {
        self.source.controls()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            settings::parse,
            tests::{control, integer, menu},
        },
        *,
    };
    use crate::{
        picture::Size,
        source::{RATE_DEFAULT, coded::Fitness},
    };

    /// A camera whose exposure has no effect while it is automatic, and is refused then.
    struct Camera(Mutex<Vec<Control>>, &'static str);

    impl Camera {
        fn plugged_in(name: &'static str) -> Arc<Camera> {
            let mut controls = vec![
                control("Brightness", integer(0, 255, 1), 128),
                control("Auto Exposure", menu(&[(1, "Manual Mode"), (3, "Auto Mode")]), 3),
                Control { is_active: false, ..control("Exposure Time, Absolute", integer(3, 2047, 1), 250) },
            ];
            controls.iter_mut().zip(1..).for_each(|(control, id)| control.id = id);
            Arc::new(Camera(Mutex::new(controls), name))
        }

        fn values(&self) -> Vec<i64> {
            lock(&self.0).iter().filter_map(|control| control.value).collect()
        }
    }

    struct Port(Arc<Camera>);

    impl ControlPort for Port {
        fn controls(&self) -> Result<Vec<Control>, PortError> {
            Ok(lock(&self.0.0).clone())
        }

        fn set(&self, control: &Control, value: i64) -> Result<(), PortError> {
            let mut controls = lock(&self.0.0);
            let index = controls.iter().position(|each| each.id == control.id).ok_or(PortError::Gone)?;
            if !controls[index].is_active {
                return Err(PortError::Refused("Permission denied".to_owned()));
            }
            controls[index].value = Some(value);
            if index == 1 {
                controls[2].is_active = value == 1;
            }
            Ok(())
        }
    }

    struct Plugged(Option<Arc<Camera>>, SourceFormat);

    impl Source for Plugged {
        fn next(&mut self) -> Result<Picture, SourceError> {
            Err(SourceError::Silent)
        }

        fn format(&self) -> &SourceFormat {
            &self.1
        }

        fn controls(&self) -> Option<Arc<dyn ControlPort>> {
            self.0.clone().map(|camera| Arc::new(Port(camera)) as Arc<dyn ControlPort>)
        }
    }

    fn source(camera: Option<&Arc<Camera>>) -> Box<dyn Source> {
        let size = Size::new(2, 2).expect("even");
        let name = camera.map_or("file", |camera| camera.1).to_owned();
        let format = SourceFormat {
            name,
            size,
            rate: RATE_DEFAULT,
            pixels: String::new(),
            reason: String::new(),
            fitness: Fitness::NotAsked,
        };
        Box::new(Plugged(camera.cloned(), format))
    }

    fn board(text: &str) -> Arc<ControlBoard> {
        Arc::new(ControlBoard::new(if text.is_empty() { Vec::new() } else { parse(text).expect("well formed") }))
    }

    fn settings(text: &str) -> Vec<Setting> {
        parse(text).expect("well formed")
    }

    #[test]
    fn what_is_asked_is_set_at_each_opening_and_what_was_set_since_counts() {
        let board = board("exposure=100,brightness=1");
        let first = Camera::plugged_in("Brio");
        let open = board.attach(source(Some(&first))).expect("opens");
        assert_eq!(first.values(), [1, 1, 100]);
        let (told, controls) = board.set(&settings("brightness=7"));
        let controls = controls.expect("set");
        assert_eq!((told.len(), told["brightness"].to_string()), (1, "7".to_owned()));
        assert_eq!(controls[0].value, Some(7));
        drop(open);
        assert_eq!(board.list(), Err(ControlError::None));
        // It was without power.
        let again = Camera::plugged_in("Brio");
        let _open = board.attach(source(Some(&again))).expect("opens");
        assert_eq!(again.values(), [7, 1, 100]);
        assert_eq!(board.list().expect("listed"), *lock(&again.0));
    }

    #[test]
    fn what_the_camera_sets_itself_stays_with_it_when_it_is_back() {
        let board = board("");
        let first = Camera::plugged_in("Brio");
        let open = board.attach(source(Some(&first))).expect("opens");
        board.set(&settings("exposure=100")).1.expect("set");
        board.set(&settings("exposure=auto")).1.expect("set");
        let (told, refused) = board.set(&settings("brightness=9,exposure_time_absolute=5"));
        assert_eq!(told.into_keys().collect::<Vec<_>>(), ["brightness"], "what came before is set");
        let refused = refused.expect_err("it has no effect");
        let why =
            "the camera refuses exposure_time_absolute=5: Permission denied; the camera sets it itself now, by another control";
        assert_eq!(refused.to_string(), why);
        drop(open);
        let again = Camera::plugged_in("Brio");
        let _open = board.attach(source(Some(&again))).expect("opens");
        assert_eq!(again.values(), [9, 3, 250]);
    }

    #[test]
    fn what_means_nothing_refuses_the_camera_at_first_only() {
        let refused = |text: &str, camera: Option<&Arc<Camera>>| {
            board(text).attach(source(camera)).map(drop).expect_err("it means nothing").to_string()
        };
        let camera = Camera::plugged_in("Brio");
        assert_eq!(
            refused("brightness=300", Some(&camera)),
            "cannot set the controls of Brio: brightness=300: brightness takes a whole number from 0 to 255"
        );
        assert_eq!(camera.values(), [128, 3, 250]);
        assert_eq!(refused("brightness=3", None), "cannot set the controls of file: the source has no controls that can be set");
        // Another camera in place of the one that was there.
        let board = board("brightness=3");
        drop(board.attach(source(Some(&camera))).expect("opens"));
        drop(board.attach(source(None)).expect("opens"));
    }

    #[test]
    fn of_several_settings_all_are_set_or_none() {
        let (board, camera) = (board(""), Camera::plugged_in("Brio"));
        let _open = board.attach(source(Some(&camera))).expect("opens");
        assert!(matches!(board.set(&settings("brightness=3,exposure=1")), (told, Err(ControlError::Bad(_))) if told.is_empty()));
        assert_eq!(camera.values(), [128, 3, 250]);
    }
}
