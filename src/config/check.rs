//! Validates what was typed. Every refusal is one sentence: the option and its value, why, what to write instead.
//!
//! Pure: whether a file, a camera or a port exists is found out by the stage that opens it.

use super::{
    Command, DetectFilesConfig, DevicesConfig, EventsConfig, Invocation, Listing, bind, demand, doctor, effective, framing, kept,
    passing, record, rules,
    source::{controls, refuse_addresses, refuse_browser, source},
    streams, tls, users,
};
use crate::{
    archive::auto_record::RecordRules,
    camera::CameraConfig,
    camera_name::CameraName,
    capture::{OnLoss, demand::Unwatched},
    certificate::CertificateSource,
    cli::{
        BenchArgs, Cli, CommandArgs, CutArgs, DetectFilesArgs, EncodeArgs, EventsArgs, PictureArgs, PipelineArgs, RecordArgs,
        SearchArgs, SearchPaceArgs, SourceArgs, StreamArgs, UsageError, WindowArgs, server::ServerArgs,
    },
    compose::Overlay,
    compose::redaction::BLUR_DELAY_MAX,
    console::shown,
    detect::{self, CascadeSpec, DetectConfig, DetectorChoice},
    encode::{ENCODER_DEFAULT, EncodeConfig, X264_PRESETS},
    grid::{Lengths, PART_MIN},
    hooks::{HooksConfig, broker::BrokerAddress, webhook::Endpoint},
    picture::SIDE_MAX,
    quantity::{self, span_text},
    server::{
        AccessConfig, AllowedOrigins, Bind, Network, ServerConfig, TrustedProxies,
        authority::{Host, Origin},
    },
    source::{FormatRequest, SourceSpec, coded::PassThrough},
    store::Location,
    time::Span,
    window::{DiskRoom, History},
};
use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// Shortest segment: a key frame begins each, and EXT-X-TARGETDURATION counts in seconds.
const SEGMENT_MIN: Span = Span::from_ms(1000);
/// Longest segment: a player without low latency stays three of them behind.
const SEGMENT_MAX: Span = Span::from_ms(10_000);
/// Shortest window in segments: rfc8216bis §6.2.2 forbids to remove a segment when less than three target durations would stay.
const WINDOW_SEGMENTS_MIN: i64 = 3;
/// Longest window in memory, and longest that playlists list: a day is 5 MB of text and 50 MB of memory.
const WINDOW_MAX: Span = Span::from_ms(24 * 3_600_000);
/// What playlists list of a longer one (decision 27).
const LISTED_OF_LONGER: Span = Span::from_ms(6 * 3_600_000);
/// Least room of a history: two files, of which one is written and the other can be deleted.
const HISTORY_BYTES_MIN: u64 = 128 << 20;
/// Most memory that a window may be given: 64 GiB is more than a day at the default bit rate; beyond it a unit was mistyped.
const WINDOW_BYTES_MAX: u64 = 64 << 30;
/// Lowest bit rate: below it a picture of any size falls apart.
const BITRATE_MIN: u64 = 50_000;
/// Highest bit rate: above it no browser on a network follows.
const BITRATE_MAX: u64 = 100_000_000;
/// Searches per second: from one in ten seconds to the fastest that a search at full size can be.
const DETECT_FPS: RangeInclusive<f64> = 0.1..=60.0;
/// Narrowest searched picture: a frontal-face cascade looks at 24×24 pixels, and a face is seldom wider than a third.
const DETECT_WIDTH_MIN: u32 = 80;
/// Most cascades at once: as many as there are names. They take turns, so each of more would see too little of what passes.
const CASCADES_MAX: usize = 8;
/// What can be drawn.
const OVERLAYS: &str = "boxes, labels, clock, blur";

/// What a command line means.
pub fn read(cli: &Cli) -> Result<Invocation, UsageError> {
    let command = match &cli.command {
        None => streams::streams(cli)?,
        Some(CommandArgs::Devices { controls, json }) => {
            Command::Devices(DevicesConfig { with_controls: *controls, listing: listing(*json) })
        }
        Some(CommandArgs::Bench(args)) => bench(args)?,
        Some(CommandArgs::Record(args)) => record(args)?,
        Some(CommandArgs::Snapshot(args)) => kept::snapshot(args)?,
        Some(CommandArgs::Export(args)) => kept::export(args)?,
        Some(CommandArgs::Storage { action }) => kept::storage(action),
        Some(CommandArgs::Detect(args)) => detect_files(args)?,
        Some(CommandArgs::Doctor(args)) => Command::Doctor(doctor::config(args, listing(args.json))?),
        Some(CommandArgs::User { action }) => users::command(action)?,
        Some(CommandArgs::Completions { shell }) => Command::Completions(*shell),
        Some(CommandArgs::Config { action }) => streams::config_file(action, cli)?,
    };
    let file = cli.file.as_ref().map(|path| path.display().to_string());
    let options = cli.written.iter().map(|written| effective::options(written)).collect();
    Ok(Invocation { command, log: streams::log(cli)?, file, options, warnings: cli.warnings.clone() })
}

/// The camera of that index.
pub(super) fn camera(args: &StreamArgs, index: usize) -> Result<CameraConfig, UsageError> {
    let mut config = pipeline(source(&args.source)?, args.source.once, &args.pipeline)?;
    config.name = match &args.name {
        Some(typed) => CameraName::parse(typed).or_else(|bad| refuse("--name", typed, &bad.to_string()))?,
        None => CameraName::of_index(index),
    };
    config.on_loss = on_loss(&args.source)?;
    config.controls = controls(&args.source, &config.source)?;
    // Nobody sends to it before it is there.
    config.is_waited_for = args.source.wait || config.source == SourceSpec::Browser;
    config.pass_through = passing::read(&args.source, &config)?;
    config.history = window(&args.window, config.encode.bitrate, config.lengths)?;
    config.rules = rules::read(&args.rules)?;
    config.unwatched = demand::read(&args.demand, &args.rules)?;
    if config.source == SourceSpec::Browser && config.unwatched == Unwatched::Close {
        return refuse("--on-demand", "", "a browser sends while somebody has its page open, watched or not; leave it out");
    }
    Ok(config)
}

fn bench(args: &BenchArgs) -> Result<Command, UsageError> {
    refuse_addresses(std::slice::from_ref(&args.file))?;
    let file = SourceSpec::File(args.file.clone());
    Ok(Command::Bench(pipeline(file, true, &args.pipeline)?, listing(args.json)))
}

fn record(args: &RecordArgs) -> Result<Command, UsageError> {
    let record = record::read(args)?;
    let mut config = pipeline(source(&args.source)?, args.source.once, &args.pipeline)?;
    refuse_browser(&config.source)?;
    config.on_loss = on_loss(&args.source)?;
    config.controls = controls(&args.source, &config.source)?;
    config.is_waited_for = args.source.wait;
    config.pass_through = passing::read(&args.source, &config)?;
    record::check_searched(&record, &config)?;
    Ok(Command::Record(config, Box::new(record)))
}

fn detect_files(args: &DetectFilesArgs) -> Result<Command, UsageError> {
    refuse_addresses(&args.files)?;
    let detect = detection(&args.search, &args.pace)?;
    if detect.cascades.is_empty() {
        return refuse("--detect", "none", "nothing would be searched; leave it out to find faces");
    }
    let (framing, listing) = (framing::read(&args.framing)?, listing(args.json));
    Ok(Command::Detect(DetectFilesConfig { files: args.files.clone(), framing, detect, listing }))
}

fn pipeline(source: SourceSpec, once: bool, args: &PipelineArgs) -> Result<CameraConfig, UsageError> {
    let detect = detection(&args.search, &args.pace)?;
    let format_request = format_request(&args.picture)?;
    match (&source, &args.picture.size) {
        (SourceSpec::File(_), Some(size)) => return refuse("--size", size, "a file keeps its own size; leave it out"),
        (SourceSpec::Network(_), Some(size)) => {
            return refuse("--size", size, "a camera on the network is set to its size in its own settings; leave it out");
        }
        _ => {}
    }
    let overlay = overlay(&args.picture.overlay)?;
    if overlay.blur && detect.cascades.is_empty() {
        return refuse(
            "--overlay",
            &args.picture.overlay,
            "nothing is searched, so nothing can be blurred; leave --detect none out",
        );
    }
    let fps_min = detect.runs_to_be_sure() as f64 / BLUR_DELAY_MAX.as_s();
    if overlay.blur && detect.fps < fps_min {
        let why = format!("to blur {} takes more searches per second; write {} at least", detect.what(), fps_min.ceil());
        return refuse("--detect-fps", &args.pace.detect_fps, &why);
    }
    Ok(CameraConfig {
        name: CameraName::default(),
        source,
        once,
        is_waited_for: false,
        on_loss: OnLoss::default(),
        pass_through: PassThrough::Never,
        format_request,
        controls: Vec::new(),
        framing: framing::read(&args.picture.framing)?,
        detect,
        overlay,
        masks: args.picture.mask.iter().map(|text| asked("--mask", text, quantity::mask)).collect::<Result<_, _>>()?,
        clock_strip: args.picture.clock_strip,
        encode: encode(&args.encode)?,
        lengths: lengths(&args.cut)?,
        history: History::default(),
        rules: RecordRules::default(),
        unwatched: Unwatched::Stream,
    })
}

fn on_loss(args: &SourceArgs) -> Result<OnLoss, UsageError> {
    asked("--on-camera-lost", &args.on_camera_lost, |text| match text {
        "wait" => Ok(OnLoss::Wait),
        "exit" => Ok(OnLoss::Exit),
        _ => Err("a lost camera is waited for, or ends its stream; write wait or exit".to_owned()),
    })
}

fn format_request(args: &PictureArgs) -> Result<FormatRequest, UsageError> {
    Ok(FormatRequest {
        size: args.size.as_deref().map(|text| asked("--size", text, quantity::size)).transpose()?,
        rate: args.fps.as_deref().map(|text| asked("--fps", text, quantity::rate)).transpose()?,
    })
}

fn overlay(text: &str) -> Result<Overlay, UsageError> {
    let mut overlay = Overlay::default();
    if text == "none" {
        return Ok(overlay);
    }
    for name in text.split(',') {
        match name.trim() {
            "boxes" => overlay.boxes = true,
            "labels" => overlay.labels = true,
            "clock" => overlay.clock = true,
            "blur" => overlay.blur = true,
            "none" => return refuse("--overlay", text, "none stands alone; leave it or the others out"),
            name => {
                let why = format!("there is no overlay \"{}\"; write none, or some of {OVERLAYS} with commas between", shown(name));
                return refuse("--overlay", text, &why);
            }
        }
    }
    Ok(overlay)
}

fn detection(search: &SearchArgs, pace: &SearchPaceArgs) -> Result<DetectConfig, UsageError> {
    let width = asked("--detect-width", &search.detect_width, |text| {
        let width = quantity::whole(text).filter(|width| (DETECT_WIDTH_MIN..=SIDE_MAX).contains(width));
        width.ok_or_else(|| format!("the searched picture is {DETECT_WIDTH_MIN} to {SIDE_MAX} pixels wide; 640 finds most faces"))
    })?;
    let by = asked("--detector", &search.detector, |text| match text {
        "auto" => Ok(DetectorChoice::Auto),
        "haar" => Ok(DetectorChoice::Haar),
        "blazeface" => Ok(DetectorChoice::BlazeFace),
        _ => Err("faces are found by haar or blazeface; write one of them, or auto for the better one".to_owned()),
    })?;
    let cascades = asked("--detect", &search.detect, cascades)?;
    if by == DetectorChoice::BlazeFace && !cascades.contains(&CascadeSpec::Face) {
        return refuse(
            "--detector",
            &search.detector,
            "BlazeFace finds faces alone; add face to --detect, or leave --detector out",
        );
    }
    if let Some(model) = search.model.as_ref().filter(|_| by == DetectorChoice::Haar || !cascades.contains(&CascadeSpec::Face)) {
        let why = "no network is to run; write --detector blazeface --detect face with it, or leave --model out";
        return refuse("--model", &model.display().to_string(), why);
    }
    // A user who names a model wants it to run, so a build that cannot run it says so.
    let by = if search.model.is_some() { DetectorChoice::BlazeFace } else { by };
    Ok(DetectConfig { cascades, by, model: search.model.clone(), fps: search_pace(pace)?, width })
}

/// The cascades of a list; each finds something else.
fn cascades(list: &str) -> Result<Vec<CascadeSpec>, String> {
    if list == "none" {
        return Ok(Vec::new());
    }
    let cascades = list.split(',').map(|typed| cascade(typed.trim())).collect::<Result<Vec<_>, _>>()?;
    if cascades.len() > CASCADES_MAX {
        return Err(format!("more than {CASCADES_MAX} kinds of things cannot be searched; name fewer"));
    }
    for (n, cascade) in cascades.iter().enumerate() {
        let kind = cascade.kind();
        if cascades[..n].iter().any(|before| before.kind() == kind) {
            return Err(format!("two of them find the kind {kind}; leave one out, or give its file another name"));
        }
    }
    Ok(cascades)
}

fn cascade(typed: &str) -> Result<CascadeSpec, String> {
    if typed.contains(['/', '\\']) || typed.to_ascii_lowercase().ends_with(".xml") {
        return Ok(CascadeSpec::File(PathBuf::from(typed)));
    }
    detect::cascade_named(typed).ok_or_else(|| match typed {
        "" => "there is a name missing in the list; write it like face,profile,cat".to_owned(),
        "none" => "none stands alone; leave it out of the list, or write nothing else".to_owned(),
        _ => {
            let names = detect::SYSTEM_CASCADES.map(|(name, _)| name).join(", ");
            format!("nothing of the name {} is known; write face, {names}, none or PATH.xml", shown(typed))
        }
    })
}

fn search_pace(args: &SearchPaceArgs) -> Result<f64, UsageError> {
    asked("--detect-fps", &args.detect_fps, |text| {
        let (least, most) = (DETECT_FPS.start(), DETECT_FPS.end());
        let fps = quantity::decimal(text).filter(|fps| DETECT_FPS.contains(fps));
        fps.ok_or_else(|| format!("searches per second are {least} to {most}; write --detect none to search nothing"))
    })
}

fn encode(args: &EncodeArgs) -> Result<EncodeConfig, UsageError> {
    if args.encoder.trim().is_empty() {
        return refuse("--encoder", "", "no encoder is named; write libx264, or another H.264 encoder of FFmpeg");
    }
    if args.encoder == ENCODER_DEFAULT && !X264_PRESETS.contains(&args.preset.as_str()) {
        let names = X264_PRESETS.join(", ");
        return refuse("--preset", &args.preset, &format!("libx264 has no such preset; write one of {names}"));
    }
    let bitrate = asked("--bitrate", &args.bitrate, |text| {
        let bits = quantity::bits(text)?;
        let fits = (BITRATE_MIN..=BITRATE_MAX).contains(&bits);
        fits.then_some(bits as u32).ok_or_else(|| "a bit rate is 50k to 100M; write it like 500k or 2M".to_owned())
    })?;
    Ok(EncodeConfig { encoder: args.encoder.clone(), preset: args.preset.clone(), bitrate })
}

fn lengths(args: &CutArgs) -> Result<Lengths, UsageError> {
    let segment = asked("--segment", &args.segment, quantity::span)?;
    if !(SEGMENT_MIN..=SEGMENT_MAX).contains(&segment) {
        let (least, most) = (span_text(SEGMENT_MIN), span_text(SEGMENT_MAX));
        return refuse("--segment", &args.segment, &format!("a segment is {least} to {most} long; 2s suits most"));
    }
    let part = asked("--part", &args.part, quantity::span)?;
    if part < PART_MIN {
        let least = span_text(PART_MIN);
        return refuse("--part", &args.part, &format!("shorter parts cost more than they carry; write {least} at least"));
    }
    if part > segment {
        let segment = span_text(segment);
        return refuse(
            "--part",
            &args.part,
            &format!("a part is no longer than its segment of {segment}; write --part {segment} at most"),
        );
    }
    if segment.0 % part.0 != 0 {
        let (segment_text, near) = (span_text(segment), nearest_parts(part, segment));
        return refuse("--part", &args.part, &format!("it does not divide the segment of {segment_text}; write {near}"));
    }
    Ok(Lengths { part, segment })
}

/// The nearest parts below and above that divide the segment. There is always one above: the segment itself.
fn nearest_parts(part: Span, segment: Span) -> String {
    let divides = |ms: &i64| segment.0 % Span::from_ms(*ms).0 == 0;
    let (least, asked, most) = (PART_MIN.as_ms() as i64, part.as_ms() as i64, segment.as_ms() as i64);
    let below = (least..asked).rev().find(divides);
    let above = (asked..=most).find(divides);
    below.into_iter().chain(above).map(|ms| span_text(Span::from_ms(ms))).collect::<Vec<_>>().join(" or ")
}

fn window(args: &WindowArgs, bitrate: u32, lengths: Lengths) -> Result<History, UsageError> {
    let window = asked("--window", &args.window, quantity::span)?;
    let least = lengths.segment * WINDOW_SEGMENTS_MIN;
    if window < least {
        let (segment, least) = (span_text(lengths.segment), span_text(least));
        return refuse("--window", &args.window, &format!("players need three segments of {segment}; write {least} at least"));
    }
    if args.storage.is_none() && window > WINDOW_MAX {
        let why = format!("without --storage it is held in memory; write {} at most, or pass a folder", span_text(WINDOW_MAX));
        return refuse("--window", &args.window, &why);
    }
    let window_bytes = asked("--window-bytes", &args.window_bytes, quantity::bytes)?;
    // Three whole segments and the one that is being written.
    let needed = (f64::from(bitrate) / 8.0 * lengths.segment.as_s() * (WINDOW_SEGMENTS_MIN + 1) as f64) as u64;
    if window_bytes < needed {
        let (segment, needed) = (span_text(lengths.segment), quantity::megabytes_text(needed));
        let why = format!("four segments of {segment} do not fit at this bit rate; write {needed} at least");
        return refuse("--window-bytes", &args.window_bytes, &why);
    }
    if window_bytes > WINDOW_BYTES_MAX {
        return refuse("--window-bytes", &args.window_bytes, "the window is held in memory; write 64G at most");
    }
    let disk = args.storage.as_ref().map(|_| disk_room(args, window, needed)).transpose()?;
    let listed = if window > WINDOW_MAX { LISTED_OF_LONGER } else { window };
    Ok(History { span: listed, bytes_max: window_bytes, disk })
}

/// Room for the window on the disk; `needed` is the least that a window can be.
fn disk_room(args: &WindowArgs, span: Span, needed: u64) -> Result<DiskRoom, UsageError> {
    let min_free = asked("--min-free", &args.min_free, quantity::bytes)?;
    let Some(text) = &args.history_bytes else { return Ok(DiskRoom { span, bytes_max: u64::MAX, min_free }) };
    let bytes_max = asked("--history-bytes", text, quantity::bytes)?;
    // The history is deleted a file at a time.
    let needed = needed.max(HISTORY_BYTES_MIN);
    if bytes_max < needed {
        let why = format!("a history is deleted in files of 64M; write {} at least", quantity::megabytes_text(needed));
        return refuse("--history-bytes", text, &why);
    }
    Ok(DiskRoom { span, bytes_max, min_free })
}

/// Where markers and the window are kept.
pub(super) fn location(args: &WindowArgs) -> Result<Location, UsageError> {
    match &args.storage {
        None => Ok(Location::Memory),
        Some(folder) if folder.as_os_str().is_empty() => {
            refuse("--storage", "", "the folder is missing; write one, like --storage /var/lib/hlscam")
        }
        Some(folder) => Ok(Location::Folder(folder.clone())),
    }
}

pub(super) fn server(args: &ServerArgs, storage: Option<&Path>) -> Result<ServerConfig, UsageError> {
    let bind = asked("--bind", &args.bind, bind::read)?;
    let port = asked("--port", &args.port, |text| {
        let port = quantity::whole(text).and_then(|port| u16::try_from(port).ok());
        port.ok_or_else(|| "a port is 0 to 65535; write 8080, or 0 for any free one".to_owned())
    })?;
    let (mut access, protection) = (access(args)?, users::protection(&args.users, &bind, storage)?);
    let certificate = tls::certificate(&args.tls, &access.host_names, storage)?;
    if let (Bind::Unix(_), Some(_)) = (&bind, &certificate) {
        return refuse("--bind", &args.bind, "no TLS is spoken on a Unix socket, which crosses no network; leave --tls out");
    }
    if let Some(CertificateSource::Acme(config)) = &certificate {
        access.host_names.extend(config.names.iter().cloned().map(Host::Name));
    }
    Ok(ServerConfig { bind, port, access, protection, certificate, is_announced: !args.tls.no_mdns })
}

fn access(args: &ServerArgs) -> Result<AccessConfig, UsageError> {
    let host = |text: &str| {
        let why = "a name is written alone, without http:// and without a port; write it like cam.lan";
        let is_address = |text: &str| text.parse::<std::net::Ipv6Addr>().is_ok();
        let text = if is_address(text) { format!("[{text}]") } else { text.to_owned() };
        Host::parse(&text).filter(|host| *host != Host::Name("*".to_owned())).ok_or_else(|| why.to_owned())
    };
    let origin = |text: &str| match text {
        "null" => Err("every page can have a frame of that origin; write * to allow all pages".to_owned()),
        text => Origin::parse(text.strip_suffix('/').unwrap_or(text))
            .ok_or_else(|| "an origin is a scheme and a host; write it like https://home.example, or * for all pages".to_owned()),
    };
    let host_names = args.host_name.iter().map(|text| asked("--host-name", text.trim(), host)).collect::<Result<_, _>>()?;
    let typed = || args.allow_origin.iter().map(|text| text.trim());
    let listed = typed().filter(|text| *text != "*").map(|text| asked("--allow-origin", text, origin));
    let listed = AllowedOrigins::Listed(listed.collect::<Result<_, _>>()?);
    let origins = if typed().any(|text| text == "*") { AllowedOrigins::Any } else { listed };
    Ok(AccessConfig { host_names, origins, proxies: proxies(&args.trust_proxy)? })
}

fn proxies(typed: &[String]) -> Result<TrustedProxies, UsageError> {
    let networks = || typed.iter().map(|text| text.trim()).filter(|text| *text != "none");
    if typed.len() > 1 && networks().count() < typed.len() {
        return refuse("--trust-proxy", "none", "other proxies are named, too; leave one of them out");
    }
    let why = "it is no network; write the address of the proxy, or its network like 10.0.0.0/8, or none";
    let network = |text: &str| Network::parse(text).ok_or_else(|| why.to_owned());
    Ok(TrustedProxies::of(networks().map(|text| asked("--trust-proxy", text, network)).collect::<Result<_, _>>()?))
}

pub(super) fn events(args: &EventsArgs, location: Location) -> Result<EventsConfig, UsageError> {
    let webhook = args.on_event.as_ref().map(|text| Endpoint::parse(text).or_else(|why| refuse("--on-event", &hidden(text), &why)));
    let broker = args.mqtt.as_ref().map(|text| BrokerAddress::parse(text).or_else(|why| refuse("--mqtt", &hidden(text), &why)));
    if args.on_event_exec.as_ref().is_some_and(|command| command.trim().is_empty()) {
        return refuse("--on-event-exec", "", "the command is missing; write one for the shell, like 'cat >> events.jsonl'");
    }
    let hooks = HooksConfig { webhook: webhook.transpose()?, exec: args.on_event_exec.clone(), broker: broker.transpose()? };
    Ok(EventsConfig { location, hooks })
}

/// The rest of an address is not repeated: it may hold a password.
pub(super) fn hidden(text: &str) -> String {
    text.split_once("://").map_or_else(|| shown(text), |(scheme, _)| format!("{scheme}://..."))
}

pub(super) fn listing(json: bool) -> Listing {
    if json { Listing::Json } else { Listing::Text }
}

/// The meaning of an option's value, or the whole sentence.
pub(super) fn asked<T>(option: &str, text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<T, UsageError> {
    read(text).or_else(|why| refuse(option, text, &why))
}

/// The sentence. A value that cannot be seen (empty, or none) is left out.
pub(super) fn refuse<T>(option: &str, text: &str, why: &str) -> Result<T, UsageError> {
    let typed = if text.trim().is_empty() { option.to_owned() } else { format!("{option} {}", shown(text)) };
    Err(UsageError(format!("{typed}: {why}")))
}

#[cfg(test)]
pub(super) mod tests;
