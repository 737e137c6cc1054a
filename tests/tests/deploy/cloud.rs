//! A lab deployed to ministack by the project's own scripts: stack, functions, table, bucket, queues, tokens.

use crate::template::{succeed, tool};
use aiv1_test_servers::Ministack;
use aiv1_tests::{cache, workspace};
use reqwest::header::{ACCEPT, HeaderMap};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long anything may take that the walk waits for.
const PATIENCE: Duration = Duration::from_mins(3);

/// A deployed lab.
pub(crate) struct Cloud {
    server: Ministack,
    folder: TempDir,
    client: Client,
    /// Where the HTTP API is.
    pub(crate) url: String,
    outputs: Value,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Cloud {
    /// Deploys what `make build-lambda` built.
    pub(crate) fn deploy() -> Self {
        let server = Ministack::start_tls();
        let folder = tempfile::tempdir().unwrap();
        // A copy, so that what `sam build` leaves behind goes away with it.
        for part in ["scripts", "infra"] {
            succeed(Command::new("cp").arg("-r").arg(workspace().join(part)).arg(folder.path()));
        }
        for file in ["template.yaml", "samconfig.toml"] {
            std::fs::copy(workspace().join(file), folder.path().join(file)).unwrap();
        }
        std::os::unix::fs::symlink(workspace().join("dist"), folder.path().join("dist")).unwrap();
        let pem = std::fs::read(server.certificate()).unwrap();
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none());
        let client = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()]).build().unwrap();
        let mut cloud = Self { server, folder, client, url: String::new(), outputs: Value::Null };
        cloud.script("deploy.sh", &[]);
        let stacks = cloud.aws(&["cloudformation", "describe-stacks", "--stack-name", "aiv1"]);
        cloud.outputs = stacks["Stacks"][0]["Outputs"].clone();
        let api = cloud.output("ApiUrl");
        let id = api.strip_prefix("https://").and_then(|host| host.split('.').next()).unwrap();
        // The emulator asks for reading below a path with the resource `*`, where AWS asks with the path's.
        let reads = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": "*"}}"#;
        for role in ["ExperimentsRole", "LinksRole"] {
            let role = cloud.physical(role);
            let put = ["iam", "put-role-policy", "--policy-name", "emulated", "--role-name", &role];
            cloud.aws(&[&put[..], &["--policy-document", reads]].concat());
        }
        // The way in for clients that cannot resolve the API's name, which exists only in the emulator.
        cloud.url = format!("{}/_aws/execute-api/{id}", cloud.server.endpoint());
        cloud
    }

    /// An output of the stack.
    pub(crate) fn output(&self, name: &str) -> String {
        let outputs = self.outputs.as_array().unwrap().iter();
        let mut found = outputs.filter(|output| output["OutputKey"] == name);
        found.next().unwrap_or_else(|| panic!("no output {name}"))["OutputValue"].as_str().unwrap().to_owned()
    }

    /// What the SDK and the tools are told, besides the trust in the certificate.
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.server.environment();
        let certificate = self.server.certificate().display().to_string();
        let region = aiv1_test_servers::REGION.to_owned();
        for name in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
            environment.push((name.to_owned(), certificate.clone()));
        }
        environment.extend([
            ("AWS_DEFAULT_REGION".to_owned(), region),
            ("AIV1_CACHE".to_owned(), cache().display().to_string()),
            // Nobody's own profiles and credentials.
            ("AWS_CONFIG_FILE".to_owned(), "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), "/dev/null".to_owned()),
        ]);
        environment
    }

    /// Runs one of the project's scripts.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) -> String {
        self.script_with(name, arguments, &[])
    }

    /// Runs one with more variables.
    pub(crate) fn script_with(&self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut script = Command::new(self.folder.path().join("scripts").join(name));
        script.args(arguments).current_dir(self.folder.path()).envs(self.environment());
        succeed(script.envs(variables.iter().copied()))
    }

    /// The name that a resource of the stack was given.
    pub(crate) fn physical(&self, resource: &str) -> String {
        let arguments = ["cloudformation", "describe-stack-resource", "--stack-name", "aiv1"];
        let found = self.aws(&[&arguments[..], &["--logical-resource-id", resource]].concat());
        found["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned()
    }

    /// A call of the AWS command.
    pub(crate) fn aws(&self, arguments: &[&str]) -> Value {
        let said = succeed(&mut self.aws_command(arguments));
        serde_json::from_str(&said).unwrap_or(Value::Null)
    }

    pub(crate) fn aws_command(&self, arguments: &[&str]) -> Command {
        let mut aws = tool("aws");
        // Named once more, or SQS is asked where the queue's address points.
        aws.args(arguments)
            .args(["--output", "json", "--endpoint-url", &self.server.endpoint()])
            .envs(self.environment());
        aws
    }

    /// The token that a scope was given.
    pub(crate) fn token(&self, scope: &str) -> String {
        self.script("cloud-tokens.sh", &["show", scope]).trim().to_owned()
    }

    /// The command, on the deployed store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = aiv1_tests::command(arguments);
        command.envs(self.environment()).env("AIV1_STORE", "aws");
        command.env("AIV1_TABLE", self.output("TableName")).env("AIV1_BUCKET", self.output("BucketName"));
        command
    }

    /// A worker, as a process of its own; it ends when it is dropped.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        let path = aiv1_tests::aiv1().with_file_name("aiv1-worker");
        let mut worker = Command::new(path);
        worker
            .envs(self.environment())
            .env("AIV1_URL", &self.url)
            .env("AIV1_PARAMETERS", self.output("ParameterPrefix"));
        worker.env("AIV1_WORKER_NAME", name).env("AIV1_WORKER_FOLDER", self.folder.path().join(name));
        Worker(worker.stdin(Stdio::null()).spawn().unwrap())
    }

    /// A file of the folder that goes away with the lab.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks the deployed site, or a whole address.
    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(method, path, headers, None).await
    }

    /// Asks with a JSON body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let url = if path.starts_with("https://") { path.to_owned() } else { format!("{}{path}", self.url) };
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, body: answer.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[(ACCEPT.as_str(), "text/html, */*;q=0.5")]).await
    }

    /// Asks again and again until the answer pleases.
    pub(crate) async fn until(&self, path: &str, pleases: impl Fn(&Answer) -> bool) -> Answer {
        let begun = Instant::now();
        let mut every = tokio::time::interval(Duration::from_millis(250));
        loop {
            every.tick().await;
            let answer = self.get(path).await;
            if pleases(&answer) {
                return answer;
            }
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{path} still answers {} {}", answer.status, answer.text());
        }
    }
}

/// A worker process.
pub(crate) struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        // Gone already, if it cannot be ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The starting codec that compresses nothing: quick, and every byte counts.
pub(crate) fn raw_codec() -> String {
    std::fs::read_to_string(workspace().join("codecs/raw.rs")).unwrap()
}

/// A clip of half a second.
pub(crate) fn clip(folder: &Path) -> PathBuf {
    aiv1_tests::made_clip(folder, "clip.mp4", "96x64", 12, &[])
}
