//! Every file that a deployment uses, by the tools that check its kind.

use crate::template::{Template, files, succeed, tool};
use aiv1_tests::workspace;
use std::path::Path;
use std::process::Command;

#[test]
fn every_template_passes_both_linters() {
    succeed(tool("cfn-lint").args(files()));
    succeed(tool("sam").args(["validate", "--lint", "--template"]).arg(workspace().join("template.yaml")));
}

#[test]
fn every_script_passes_its_linter() {
    let entries =
        ["scripts", "infra/machine"].map(|folder| std::fs::read_dir(workspace().join(folder)).unwrap());
    let scripts = entries.into_iter().flatten().map(|entry| entry.unwrap().path());
    let scripts: Vec<_> = scripts.filter(|path| path.extension().is_some_and(|it| it == "sh")).collect();
    assert!(scripts.len() > 10, "scripts are elsewhere now: {scripts:?}");
    succeed(tool("shellcheck").args(["--external-sources", "--severity=warning"]).args(scripts));
}

/// What the machines are started with is a program in a template: variables are `CloudFormation`'s by then.
#[test]
fn user_data_is_a_script_that_reads() {
    let template = Template::read("infra/workers.yaml");
    let launched = template.of_type("AWS::EC2::LaunchTemplate");
    assert_eq!(launched.keys().copied().collect::<Vec<_>>(), ["LoopTemplate", "WorkerTemplate"]);
    for (name, properties) in launched {
        let script = properties["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user-data.sh");
        let known = [
            "AWS::Region",
            "BucketName",
            "TableName",
            "Lab",
            "Release",
            "ReleaseSha256",
            "Ahead",
            "ExperimentsADay",
        ];
        let filled =
            known.iter().fold(script.to_owned(), |text, name| text.replace(&format!("${{{name}}}"), "x"));
        assert!(!filled.contains("${"), "{name}: CloudFormation would look for {filled}");
        std::fs::write(&path, filled).unwrap();
        succeed(tool("shellcheck").arg(&path));
    }
}

#[test]
fn systemd_understands_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("skipped: systemd-analyze is not here");
        return;
    }
    for unit in ["aiv1-worker.service", "aiv1-loop.service"] {
        let text = std::fs::read_to_string(workspace().join("infra/machine").join(unit)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // The programs are not installed here: one that is stands in their place.
        let text = text
            .replace("/opt/aiv1/machine/worker.sh", "/bin/true")
            .replace("/opt/aiv1/bin/aiv1", "/bin/true");
        std::fs::write(folder.path().join(unit), text).unwrap();
        let more = folder.path().join(format!("{unit}.d"));
        std::fs::create_dir(&more).unwrap();
        std::fs::copy(workspace().join("infra/machine/hardening.conf"), more.join("hardening.conf")).unwrap();
        // What it does not understand it ignores, says so on standard error, and ends well.
        let output =
            Command::new("systemd-analyze").arg("verify").arg(folder.path().join(unit)).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{unit}: {}", aiv1_tests::said(&output));
    }
}

/// All else is read-only to a service: a cache that it cannot write ends it at its start, again and again.
#[test]
fn a_service_may_write_where_it_is_told_to() {
    for unit in ["aiv1-worker.service", "aiv1-loop.service"] {
        let text = std::fs::read_to_string(workspace().join("infra/machine").join(unit)).unwrap();
        let value = |key: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
        };
        let cache = value("CacheDirectory").map(|name| format!("/var/cache/{name}"));
        let own: Vec<_> =
            cache.chain(value("StateDirectory").map(|name| format!("/var/lib/{name}"))).collect();
        let told: Vec<_> = value("Environment").flat_map(str::split_whitespace).collect();
        let folders = told.iter().filter_map(|it| {
            it.strip_prefix("AIV1_CACHE=").or_else(|| it.strip_prefix("AIV1_WORKER_FOLDER="))
        });
        let folders: Vec<_> = folders.chain(value("WorkingDirectory")).collect();
        assert!(folders.len() >= 2, "{unit}: {folders:?}");
        for folder in folders {
            assert!(own.iter().any(|own| Path::new(folder).starts_with(own)), "{unit}: {folder}: {own:?}");
        }
        // The compiler is nobody's to change but root's, and is where install.sh puts it.
        let rustc = told.iter().find_map(|it| it.strip_prefix("AIV1_RUSTC=")).unwrap();
        let cache = rustc.strip_suffix("/toolchain/usr/bin/rustc").unwrap();
        let install = std::fs::read_to_string(workspace().join("infra/machine/install.sh")).unwrap();
        assert!(install.contains(&format!("wasm-toolchain.sh --debian {cache} ")), "{cache}");
    }
}

/// install.sh waits for it.
#[test]
fn the_loop_says_that_it_runs() {
    let install = std::fs::read_to_string(workspace().join("infra/machine/install.sh")).unwrap();
    let code = std::fs::read_to_string(workspace().join("cli/src/commands/the_loop.rs")).unwrap();
    assert!(install.contains("'the loop runs'") && code.contains("\"the loop runs\""));
}

/// `output STACK NAME` in the scripts.
#[test]
fn what_the_scripts_ask_a_stack_for_is_an_output() {
    let template = Template::read("template.yaml");
    let mut asked = 0;
    for script in ["scripts/deploy.sh", "scripts/deploy-workers.sh"] {
        let text = std::fs::read_to_string(workspace().join(script)).unwrap();
        for rest in text.split("output \"$STACK\" ").skip(1) {
            let name = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            assert!(template.0["Outputs"][name].is_object(), "{script} asks for {name}");
            asked += 1;
        }
    }
    assert!(asked >= 3, "the scripts ask in another way now: {asked}");
}

/// Names of parameters that are handed to a template that does not have them end a deployment.
#[test]
fn what_the_scripts_hand_over_is_a_parameter() {
    for (script, template) in
        [("scripts/deploy.sh", "template.yaml"), ("scripts/deploy-workers.sh", "infra/workers.yaml")]
    {
        let text = std::fs::read_to_string(workspace().join(Path::new(script))).unwrap();
        let template = Template::read(template);
        let named = text.split('"').filter_map(|word| word.split_once("=$").map(|(name, _)| name));
        let named: Vec<_> = named.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric())).collect();
        assert!(named.contains(&"Lab"), "{script}: {named:?}");
        for name in named {
            assert!(template.0["Parameters"][name].is_object(), "{script} hands over {name}");
        }
    }
}
