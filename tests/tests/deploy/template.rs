//! A `CloudFormation` template as data, read by the tool that deploys it.

use aiv1_tests::{cache, workspace};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// A program of the folder that `make setup` installs from scripts/requirements-sam.txt.
pub(crate) fn tool(name: &str) -> Command {
    let path = cache().join("tools/sam/bin").join(name);
    assert!(path.is_file(), "{} is not there: run `make setup`", path.display());
    let mut command = Command::new(path);
    command.current_dir(workspace()).env("SAM_CLI_TELEMETRY", "0").env("AWS_REGION", "us-east-1");
    command
}

/// Runs it to its end; what it said is shown where it fails.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}{}", aiv1_tests::said(&output));
    said
}

/// Every template.
pub(crate) fn files() -> Vec<PathBuf> {
    let infra = std::fs::read_dir(workspace().join("infra")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = infra.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    files.push(workspace().join("template.yaml"));
    files.sort();
    files
}

/// A template: intrinsic functions are objects, `{"Ref": …}` and `{"Fn::…": …}`.
pub(crate) struct Template(pub(crate) Value);

const READ: &str = "import json, sys; from samcli.yamlhelper import yaml_parse; \
    json.dump(yaml_parse(open(sys.argv[1]).read()), sys.stdout, default=str)";

impl Template {
    pub(crate) fn read(path: &str) -> Self {
        let text = succeed(tool("python").args(["-c", READ, path]));
        Self(serde_json::from_str(&text).unwrap())
    }

    /// The resources of a type, by name.
    pub(crate) fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let resources = self.0["Resources"].as_object().unwrap().iter();
        let found = resources.filter(|(_, resource)| resource["Type"] == kind);
        found.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
    }

    /// Each function's folder below dist/lambda, with its properties.
    pub(crate) fn functions(&self) -> BTreeMap<String, &Value> {
        let functions = self.of_type("AWS::Serverless::Function");
        let folder =
            |it: &Value| it["CodeUri"].as_str().unwrap().strip_prefix("dist/lambda/").unwrap().to_owned();
        functions.into_values().map(|it| (folder(it), it)).collect()
    }

    /// The variables of a function, those that all have included.
    pub(crate) fn variables(&self, function: &Value) -> BTreeSet<String> {
        let global = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        let own = &function["Environment"]["Variables"];
        let names = [global, own].into_iter().filter_map(Value::as_object).flat_map(|it| it.keys().cloned());
        names.collect()
    }

    /// The statements of a role's own policies.
    pub(crate) fn statements(&self, role: &str) -> Vec<Value> {
        let documents = list(&self.0["Resources"][role]["Properties"]["Policies"]);
        documents.iter().flat_map(|it| list(&it["PolicyDocument"]["Statement"])).collect()
    }

    /// What a role may do: action and resource of every `Allow`, one by one.
    pub(crate) fn allowed(&self, role: &str) -> BTreeSet<(String, String)> {
        let mut allowed = BTreeSet::new();
        for statement in self.statements(role).iter().filter(|it| it["Effect"] == "Allow") {
            for action in strings(&statement["Action"]) {
                allowed.extend(strings(&statement["Resource"]).into_iter().map(|it| (action.clone(), it)));
            }
        }
        allowed
    }
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// One or several texts of a policy; what is no text, `!Sub` apart, as JSON.
pub(crate) fn strings(value: &Value) -> BTreeSet<String> {
    let text =
        |it: &Value| it.as_str().or(it["Fn::Sub"].as_str()).map_or_else(|| it.to_string(), str::to_owned);
    list(value).iter().map(text).collect()
}
