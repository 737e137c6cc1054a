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
    let scripts = ["cloud.sh", "cloud-tokens.sh", "deploy.sh", "deploy-workers.sh"]
        .map(|name| format!("scripts/{name}"));
    let mut shellcheck = tool("shellcheck");
    succeed(
        shellcheck
            .args(["--external-sources", "--severity=warning"])
            .args(scripts)
            .arg("infra/machine/install.sh"),
    );
}

/// What the machines are started with is a program in a template: variables are CloudFormation's by then.
#[test]
fn user_data_is_a_script_that_reads() {
    let template = Template::read("infra/workers.yaml");
    let launched = template.of_type("AWS::EC2::LaunchTemplate");
    assert_eq!(launched.keys().copied().collect::<Vec<_>>(), ["LoopTemplate", "WorkerTemplate"]);
    for (name, properties) in launched {
        let script = properties["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"].as_str().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("user-data.sh");
        let known = ["AWS::Region", "BucketName", "TableName", "Lab", "Release", "ReleaseSha256"];
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
        // Containers have none; whoever builds on a machine with systemd has the check.
        return;
    }
    for unit in ["aiv1-worker.service", "aiv1-loop.service"] {
        let text = std::fs::read_to_string(workspace().join("infra/machine").join(unit)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // The programs are not installed here: one that is stands in their place.
        let text =
            text.replace("/opt/aiv1/bin/aiv1-worker", "/bin/true").replace("/opt/aiv1/bin/aiv1", "/bin/true");
        std::fs::write(folder.path().join(unit), text).unwrap();
        let said = succeed(Command::new("systemd-analyze").arg("verify").arg(folder.path().join(unit)));
        assert!(said.is_empty(), "{unit}: {said}");
    }
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
