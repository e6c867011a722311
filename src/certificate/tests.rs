use super::{files::Phase, *};
use crate::time::{ManualClock, Span, WallTime};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use std::{fs, path::Path};

struct Files {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Files {
    fn new() -> Files {
        let wall = WallTime::parse("2026-06-01T00:00:00Z").expect("a time");
        Files { folder: tempfile::tempdir().expect("a folder"), clock: Arc::new(ManualClock::at(wall)) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).expect("it is written");
        close(&path);
    }

    /// Writes a certificate that is valid from January to August, and its key.
    fn make(&self) -> Vec<u8> {
        let mut params = CertificateParams::new(["cam.example".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 8, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        self.write("a.pem", &certificate.pem());
        self.write("a.key", &key.serialize_pem());
        certificate.der().to_vec()
    }

    fn source(&self) -> CertificateSource {
        CertificateSource::Files { certificate: self.path("a.pem"), key: self.path("a.key") }
    }

    fn open(&self) -> Result<Arc<Certificates>, CertificateError> {
        Certificates::open(&self.source(), self.clock.clone())
    }

    fn refused(&self) -> String {
        let told = self.open().expect_err("it is bad").0;
        told.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

#[cfg(unix)]
fn close(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

#[cfg(not(unix))]
fn close(_: &Path) {}

fn shown(certificates: &Certificates) -> Vec<u8> {
    lock(&certificates.current).cert[0].to_vec()
}

#[test]
fn what_is_no_certificate_with_its_key_is_told_in_one_sentence() {
    let files = Files::new();
    assert!(files.refused().starts_with("cannot read a.pem: "), "{}", files.refused());
    files.make();
    let (certificate, key) = (fs::read_to_string(files.path("a.pem")), fs::read_to_string(files.path("a.key")));
    let (certificate, key) = (certificate.expect("a text"), key.expect("a text"));
    let check = |name: &str, text: &str, expect: &str| {
        files.write("a.pem", &certificate);
        files.write("a.key", &key);
        files.write(name, text);
        let told = files.refused();
        assert!(told.starts_with(expect) && !told.contains('\n'), "{told}");
    };
    check("a.pem", &key, "a.pem holds no certificate in PEM");
    check("a.pem", "", "a.pem holds no certificate in PEM");
    check("a.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "the certificate in a.pem cannot be used: ");
    check("a.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "a.pem is no file of certificates in PEM: ");
    check("a.key", &certificate, "a.key holds no private key in PEM");
    check("a.key", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "the key in a.key needs a password; write it without one: openssl");
    check("a.key", &KeyPair::generate().expect("a key").serialize_pem(), "the key in a.key does not fit the certificate in a.pem;");
    check("a.pem", &"a".repeat(300 << 10), "cannot read a.pem: ");
    files.write("a.pem", &certificate);
    files.write("a.key", &key);
    files.open().expect("all is well");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(files.path("a.key"), fs::Permissions::from_mode(0o644)).expect("it is ours");
        assert!(files.refused().starts_with("everybody on this computer may open a.key, which holds secrets; `chmod 600 "));
    }
}

#[test]
fn one_file_may_hold_both() {
    let files = Files::new();
    files.make();
    let both = ["a.pem", "a.key"].map(|name| fs::read_to_string(files.path(name)).expect("a text")).concat();
    files.write("both", &both);
    let source = CertificateSource::Files { certificate: files.path("both"), key: files.path("both") };
    Certificates::open(&source, files.clock.clone()).expect("both are there");
}

#[test]
fn changed_files_count_when_they_are_whole_and_fit_and_else_the_old_ones_stay() {
    let files = Files::new();
    let first = files.make();
    let certificates = files.open().expect("it is good");
    let second = files.make();
    certificates.look_after();
    assert_eq!(shown(&certificates), first, "who writes them is let finish");
    certificates.look_after();
    assert_eq!(shown(&certificates), second);
    files.write("a.key", "no key");
    (0..3).for_each(|_| certificates.look_after());
    assert_eq!(shown(&certificates), second);
    fs::remove_file(files.path("a.pem")).expect("it is there");
    (0..3).for_each(|_| certificates.look_after());
    assert_eq!(shown(&certificates), second);
    let third = files.make();
    (0..2).for_each(|_| certificates.look_after());
    assert_eq!(shown(&certificates), third);
}

#[test]
fn one_that_is_out_of_date_is_used_and_told_of() {
    let files = Files::new();
    files.make();
    let certificates = files.open().expect("it is good");
    let told_after = |days: i64| {
        files.clock.advance(Span::from_ms(days * 24 * 3_600_000));
        certificates.look_after();
        match &certificates.keeper {
            Keeper::Files(files) => lock(files).told,
            Keeper::Own(_) | Keeper::Acme(_) => panic!("it is of files"),
        }
    };
    assert_eq!(told_after(0), Phase::Good);
    assert_eq!(told_after(50), Phase::Late);
    assert_eq!(told_after(12), Phase::Over);
    files.open().expect("it is used");
}
