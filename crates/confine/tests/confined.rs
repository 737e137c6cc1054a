//! What a confined program can and cannot do, tried with the system's own shell.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

use aiv1_confine::{Confined, Ended, Error, Helper, Limits, Outcome};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

fn helper() -> Helper {
    Helper::new(env!("CARGO_BIN_EXE_aiv1-confine"))
}

fn shell(script: &str) -> Confined {
    let shell = Confined::new(helper(), "/bin/sh").args(["-c", script]).system_libraries();
    shell.executable("/usr/bin").env("PATH", "/usr/bin:/bin").readable("/dev/zero").writable("/dev/null")
}

#[expect(clippy::needless_pass_by_value, reason = "every test builds the command in the call")]
fn run(command: Confined) -> Outcome {
    command.run().unwrap()
}

#[test]
fn it_says_what_it_is_asked_to_and_how_it_ended() {
    let outcome = run(shell("cat; echo out; echo err >&2; exit 7").stdin(b"in ".to_vec()));
    assert_eq!(outcome.ended, Ended::Exited(7));
    assert_eq!((outcome.stdout.text().as_str(), outcome.stderr.text().as_str()), ("in out\n", "err\n"));
    assert_eq!((outcome.stdout.dropped, outcome.stderr.dropped), (0, 0));
}

#[test]
fn a_file_outside_cannot_be_read_and_one_inside_can() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let script = format!("cat {}", secret.display());
    let outcome = run(shell(&script));
    assert!(!outcome.success() && outcome.stdout.bytes.is_empty(), "{outcome:?}");
    assert!(outcome.stderr.text().contains("Permission denied"), "{outcome:?}");
    assert!(!run(shell("cat /etc/passwd")).success());
    assert!(!run(shell("ls /")).success());

    let outcome = run(shell(&script).readable(folder.path()));
    assert_eq!(outcome.stdout.text(), "secret", "{outcome:?}");
}

#[test]
fn nothing_outside_can_be_written_made_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(&outside, "kept").unwrap();
    for script in
        ["echo x > ../outside", "rm ../outside", "mkdir ../made", "mv ../outside ../moved", "ln ../outside ."]
    {
        let outcome = run(shell(script).current_dir(&inside).writable(&inside));
        assert!(!outcome.success(), "{script}: {outcome:?}");
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "kept");
    let outcome = run(shell("echo x > here").current_dir(&inside).writable(&inside));
    assert!(outcome.success() && inside.join("here").is_file(), "{outcome:?}");
    let outcome = run(shell("echo x > there").current_dir(&inside).readable(&inside));
    assert!(!outcome.success() && !inside.join("there").exists(), "{outcome:?}");
}

#[test]
fn what_it_writes_cannot_be_executed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "cp /usr/bin/true mine && chmod +x mine && ./mine";
    let outcome = run(shell(script).current_dir(folder.path()).writable(folder.path()));
    assert_eq!(outcome.ended, Ended::Exited(126), "{outcome:?}");
}

#[test]
fn a_listener_on_this_machine_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}");
    let bash = Confined::new(helper(), "/bin/bash").args(["-c", &script]).system_libraries();
    let outcome = run(bash);
    assert!(!outcome.success() && outcome.stderr.text().contains("/dev/tcp/127.0.0.1"), "{outcome:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn the_environment_is_what_was_given() {
    let env = || Confined::new(helper(), "/usr/bin/env").system_libraries();
    assert_eq!(run(env()).stdout.text(), "");
    assert_eq!(run(env().env("LANG", "C")).stdout.text(), "LANG=C\n");
}

#[test]
fn no_descriptor_but_the_first_three_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let _open = std::fs::File::open(folder.path()).unwrap();
    let outcome =
        run(Confined::new(helper(), "/bin/ls").arg("/proc/self/fd").system_libraries().readable("/proc"));
    // The fourth is the listing itself.
    assert_eq!(outcome.stdout.text(), "0\n1\n2\n3\n", "{outcome:?}");
}

#[test]
fn the_cpu_limit_ends_it_even_if_it_ignores_the_signal() {
    let limits = Limits { cpu_seconds: Some(1), ..Limits::default() };
    for script in ["while :; do :; done", "trap '' XCPU; while :; do :; done"] {
        let outcome = run(shell(script).limits(limits));
        assert_eq!(outcome.ended, Ended::CpuLimit { seconds: 1 }, "{outcome:?}");
        assert!(
            outcome.cpu >= Duration::from_millis(900) && outcome.cpu < Duration::from_secs(4),
            "{outcome:?}"
        );
    }
}

#[test]
fn limits_cannot_be_raised_again() {
    let limits = Limits { open_files: Some(32), ..Limits::default() };
    let outcome = run(shell("ulimit -n 64 || exit 3").limits(limits));
    assert_ne!(outcome.ended, Ended::Exited(0), "{outcome:?}");
}

#[test]
fn the_address_space_is_bounded() {
    let script = "dd if=/dev/zero of=/dev/null bs=512M count=1";
    let limits = Limits { address_space: Some(256 << 20), ..Limits::default() };
    assert_eq!(run(shell(script)).ended, Ended::Exited(0));
    let outcome = run(shell(script).limits(limits));
    assert!(!outcome.success() && outcome.stderr.text().contains("memory exhausted"), "{outcome:?}");
}

#[test]
fn a_file_cannot_grow_past_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { file_size: Some(4096), ..Limits::default() };
    let script = "exec dd if=/dev/zero of=file bs=1k count=64";
    let outcome = run(shell(script).current_dir(folder.path()).writable(folder.path()).limits(limits));
    assert_eq!(outcome.ended, Ended::FileSizeLimit { bytes: 4096 }, "{outcome:?}");
    assert_eq!(folder.path().join("file").metadata().unwrap().len(), 4096);
}

#[test]
fn the_deadline_ends_it() {
    let started = Instant::now();
    let after = Duration::from_millis(200);
    let outcome = run(shell("sleep 100").deadline(after));
    assert_eq!(outcome.ended, Ended::Deadline { after });
    assert!(started.elapsed() < Duration::from_secs(20), "{outcome:?}");
}

#[test]
fn a_flood_of_output_is_drained_counted_and_not_kept() {
    let outcome = run(shell("dd if=/dev/zero bs=1M count=100 2>/dev/null; echo end >&2"));
    assert!(outcome.success(), "{outcome:?}");
    assert_eq!(outcome.stdout.bytes.len(), Confined::KEPT_OUTPUT);
    assert_eq!(outcome.stdout.dropped, (100 << 20) - Confined::KEPT_OUTPUT as u64);
    assert_eq!(outcome.stderr.text(), "end\n");
}

#[test]
fn input_that_nobody_reads_blocks_nothing() {
    assert!(run(shell("exit 0").stdin(vec![0; 4 << 20])).success());
}

#[test]
fn its_children_die_with_it() {
    for script in ["sleep 1000 & echo $!; exit 0", "sleep 1000 & echo $!; wait"] {
        let outcome = run(shell(script).deadline(Duration::from_secs(1)));
        let pid: u32 = outcome.stdout.text().trim().parse().unwrap();
        let stat = format!("/proc/{pid}/stat");
        let gone = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z"));
        let give_up = Instant::now() + Duration::from_secs(10);
        while !gone() {
            assert!(Instant::now() < give_up, "{script}: process {pid} is still there");
            std::thread::yield_now();
        }
    }
}

#[test]
fn what_cannot_be_started_is_named() {
    let missing = Confined::new(helper(), "/no/such/program").run().unwrap_err();
    assert!(
        matches!(&missing, Error::Path { path, .. } if path == Path::new("/no/such/program")),
        "{missing}"
    );
    let folder = tempfile::tempdir().unwrap();
    let not_a_program = folder.path().join("text");
    std::fs::write(&not_a_program, "text").unwrap();
    let error = Confined::new(helper(), &not_a_program).run().unwrap_err();
    assert!(matches!(&error, Error::Execute { program, .. } if *program == not_a_program), "{error}");
    let error = shell("true").readable("/no/such/folder").run().unwrap_err();
    assert!(error.to_string().contains("/no/such/folder"), "{error}");
    let error = Confined::new(Helper::new("/bin/echo").args(["hello"]), "/bin/sh").run().unwrap_err();
    assert!(matches!(&error, Error::NotAHelper { said, .. } if said == "hello\n"), "{error}");
    let error = Confined::new(Helper::new("/no/helper"), "/bin/sh").run().unwrap_err();
    assert!(matches!(error, Error::Helper { .. }), "{error}");
}

#[test]
fn a_program_cannot_claim_that_it_was_never_executed() {
    let outcome = run(shell("printf 'confine1\\026\\000\\000\\000{\"Unsupported\":\"lie\"}'; exit 125"));
    assert_eq!(outcome.ended, Ended::Exited(125));
}

/// The helper on a kernel without Landlock: a filter lets the system call that asks for it answer as such a kernel does.
fn helper_without_landlock() -> Helper {
    let script = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
operations = [(0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in operations))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
program = Program(len(operations), ctypes.cast(code, ctypes.c_void_p))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program)) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"#;
    Helper::new("/usr/bin/python3").args(["-c", script, env!("CARGO_BIN_EXE_aiv1-confine")])
}

#[test]
fn without_landlock_nothing_runs_unless_the_caller_settles_for_the_rest() {
    let shell = |script: &str| {
        let shell = Confined::new(helper_without_landlock(), "/bin/sh").args(["-c", script]);
        shell.env("PATH", "/usr/bin:/bin").limits(Limits { file_size: Some(0), ..Limits::default() })
    };
    let refused = shell("true").run().unwrap_err();
    assert!(
        matches!(&refused, Error::Unsupported { missing } if missing.contains("Landlock")),
        "{refused:?}"
    );
    // This process keeps its environment from children as a cloud function does.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).unwrap();
    let outcome = run(shell("env; cat /etc/hostname >/dev/null && echo files").best_effort());
    assert_eq!((outcome.ended, outcome.isolation.landlock), (Ended::Exited(0), false), "{outcome:?}");
    let said = outcome.stdout.text();
    assert!(said.ends_with("files\n") && !said.contains("CARGO"), "no variable of ours: {said}");
    let outcome = run(shell("cat /proc/$PPID/environ").best_effort());
    assert!(!outcome.success() && outcome.stdout.bytes.is_empty(), "{outcome:?}");
    assert!(outcome.stderr.text().contains("Permission denied"), "{outcome:?}");
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(shell(&format!("echo x > {}/file", folder.path().display())).best_effort());
    assert!(!outcome.success(), "{outcome:?}");
    assert_eq!(std::fs::read(folder.path().join("file")).unwrap_or_default(), b"", "not a byte is written");
    // Where there is Landlock it holds, settled for less or not.
    let outcome = run(Confined::new(helper(), "/bin/sh")
        .args(["-c", "cat /etc/hostname"])
        .system_libraries()
        .best_effort());
    assert!(!outcome.success() && outcome.isolation.landlock, "{outcome:?}");
}
