//! The real thing: the built functions deployed by `make deploy`'s own script to a server that speaks AWS, and a walk
//! through the site that comes of it, over HTTP, with a real worker. The server evaluates the roles' policies and the
//! bucket's at each call, so the walk also shows that no role allows too little.

use crate::cloud::{Cloud, clip, raw_codec};
use crate::template::succeed;
use aiv1_model::Limits;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::process::Command;

#[tokio::test]
async fn an_experiment_goes_all_the_way_through_the_deployed_site() {
    let cloud = Cloud::deploy();
    pages_and_refusals(&cloud).await;
    let experiment = measured_by_a_worker(&cloud).await;
    let video = stream_and_video(&cloud, &experiment).await;
    expired_and_made_again(&cloud, &experiment, &video).await;
    backlog(&cloud);
    policies_are_in_force(&cloud);
}

#[test]
fn an_operator_replaces_tokens_sets_settings_and_deploys_machines() {
    let cloud = Cloud::deploy();
    tokens_are_replaced(&cloud);
    deployed_again(&cloud);
    machines(&cloud);
}

async fn pages_and_refusals(cloud: &Cloud) {
    let health = cloud.get("/health").await;
    assert_eq!(health.status, StatusCode::OK, "{}", health.text());
    assert_eq!(health.json()["store"], "ok");

    let page = cloud.get("/").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    assert!(page.text().contains("<title>"));
    let policy = page.header("content-security-policy");
    let bucket = cloud.output("BucketName");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("media-src 'self' https://"),
        "{policy}"
    );
    assert!(!page.text().contains(&bucket), "no link to the bucket is part of a page");
    let etag = page.header("etag").to_owned();
    let again = cloud.ask(Method::GET, "/", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);

    for path in [
        "/blog",
        "/efficacy",
        "/lineage",
        "/journal",
        "/method",
        "/clips",
        "/codecs",
        "/feed.xml",
        "/api/experiments",
        "/api/workers",
        "/api/openapi.json",
    ] {
        assert_eq!(cloud.get(path).await.status, StatusCode::OK, "{path}");
    }
    let nowhere = cloud.get("/no/such/page").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    assert!(nowhere.header("content-type").starts_with("text/html"), "the pages' own 404");
    let nowhere = cloud.get("/api/no/such/path").await;
    assert_eq!(
        (nowhere.status, nowhere.header("content-type")),
        (StatusCode::NOT_FOUND, "application/problem+json")
    );
    let refused = cloud.ask(Method::DELETE, "/api/experiments", &[]).await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(refused.header("allow").contains("POST"), "the routers refuse methods, not the gateway");
}

/// Submits, has a worker measure it, and gives back its id.
async fn measured_by_a_worker(cloud: &Cloud) -> String {
    let added = cloud.command(&["add-clip", clip(cloud.folder()).to_str().unwrap()]).output().unwrap();
    assert!(added.status.success(), "{}", aiv1_tests::said(&added));

    let mut question = json!({ "codec": "raw", "source": raw_codec() });
    let unknown = cloud.send(Method::POST, "/api/experiments", &[], Some(&question)).await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    let worker = format!("Bearer {}", cloud.token("worker"));
    let wrong =
        cloud.send(Method::POST, "/api/experiments", &[("authorization", &worker)], Some(&question)).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);

    // What was not said comes from the settings in SSM.
    let submit = format!("Bearer {}", cloud.token("submit"));
    let asked =
        cloud.send(Method::POST, "/api/experiments", &[("authorization", &submit)], Some(&question)).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
    let asked = asked.json();
    assert_eq!(asked["submission"]["settings"]["gop_frames"], 32, "{asked}");
    let admin = format!("Bearer {}", cloud.token("admin"));
    let cancel = format!("/api/experiments/{}/cancel", asked["id"].as_str().unwrap());
    let cancelled = cloud.ask(Method::POST, &cancel, &[("authorization", &admin)]).await;
    assert_eq!((cancelled.status, &cancelled.json()["status"]), (StatusCode::OK, &json!("other")));

    question["settings"] = json!({
        "gop_frames": 4, "quality_indices": [8, 24, 40, 56], "anchors": ["x264-ultrafast"], "limits": Limits::default()
    });
    let asked =
        cloud.send(Method::POST, "/api/experiments", &[("authorization", &submit)], Some(&question)).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text());
    let id = asked.json()["id"].as_str().unwrap().to_owned();

    let worker = cloud.worker("walker");
    let experiment = format!("/api/experiments/{id}");
    let ended = cloud.until(&experiment, |it| {
        let status = it.json()["status"].clone();
        status != "queued" && status != "in_progress"
    });
    let ended = ended.await.json();
    assert_eq!(ended["status"], "successful", "{ended}");
    drop(worker);
    let workers = cloud.get("/api/workers").await.json();
    assert!(workers.to_string().contains("walker"), "{workers}");

    let page = cloud.get(&format!("/blog/{id}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let counts = cloud.get("/api/experiments").await.json();
    assert_eq!(
        (&counts["successful"], &counts["other"], &counts["total"]),
        (&json!(1), &json!(1), &json!(2))
    );
    id
}

/// Follows links to S3; gives back the path of a preview.
async fn stream_and_video(cloud: &Cloud, experiment: &str) -> String {
    let clips = cloud.get("/api/clips").await.json();
    let clip = clips[0]["info"]["id"].as_str().unwrap_or_else(|| panic!("{clips}")).to_owned();

    let found = cloud.get(&format!("/api/experiments/{experiment}/streams/{clip}/24")).await;
    assert_eq!(
        (found.status, found.header("cache-control")),
        (StatusCode::FOUND, "no-store"),
        "{}",
        found.text()
    );
    let link = found.header("location").to_owned();
    let part = cloud.ask(Method::GET, &link, &[("range", "bytes=0-3")]).await;
    assert_eq!((part.status, part.body.len()), (StatusCode::PARTIAL_CONTENT, 4), "{}", part.text());
    assert!(part.header("content-range").starts_with("bytes 0-3/"), "{:?}", part.headers);
    let whole = cloud.get(&link).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.body[..4], part.body[..]);
    let tampered = link.replacen("X-Amz-Expires=", "X-Amz-Expires=1", 1);
    assert_eq!(cloud.get(&tampered).await.status, StatusCode::FORBIDDEN);

    // The first ask queues a rebuild, SQS carries it to the function, and the answer becomes a link.
    let video = format!("/api/experiments/{experiment}/video?clip={clip}&q=24");
    let asked = cloud.get(&video).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
    let made = cloud.until(&video, |it| it.status == StatusCode::FOUND).await;
    let mp4 = cloud.get(made.header("location")).await;
    assert_eq!((mp4.status, mp4.header("content-type")), (StatusCode::OK, "video/mp4"));
    assert_eq!(mp4.body[4..8], *b"ftyp");
    video
}

async fn expired_and_made_again(cloud: &Cloud, experiment: &str, video: &str) {
    let bucket = cloud.output("BucketName");
    let prefix = format!("reconstructed/{experiment}/");
    let listed = cloud.aws(&["s3api", "list-objects-v2", "--bucket", &bucket, "--prefix", &prefix]);
    let key = listed["Contents"][0]["Key"].as_str().unwrap_or_else(|| panic!("{listed}"));
    // What the bucket's rule does a week later; the server has no rules.
    cloud.aws(&["s3api", "delete-object", "--bucket", &bucket, "--key", key]);

    assert_eq!(cloud.get(video).await.status, StatusCode::ACCEPTED);
    cloud.until(video, |it| it.status == StatusCode::FOUND).await;

    // The same message twice more, long after: nothing is queued, so nothing is made.
    let (_, query) = video.split_once("clip=").unwrap();
    let (clip, _) = query.split_once('&').unwrap();
    let body = json!({
        "rebuild": {"what": "video", "experiment": experiment, "clip": clip, "quality_index": 24},
        "requested_at": "2026-01-01T00:00:00Z"
    });
    let (queue, body) = (cloud.output("RebuildQueueUrl"), body.to_string());
    let told = |cloud: &Cloud| {
        cloud.aws(&["s3api", "head-object", "--bucket", &bucket, "--key", key])["LastModified"].clone()
    };
    let before = told(cloud);
    for _ in 0..2 {
        cloud.aws(&["sqs", "send-message", "--queue-url", &queue, "--message-body", &body]);
    }
    let bundle = format!("/api/experiments/{experiment}/bundle");
    assert_eq!(cloud.get(&bundle).await.status, StatusCode::ACCEPTED);
    let packed = cloud.until(&bundle, |it| it.status == StatusCode::FOUND).await;
    let tar = cloud.get(packed.header("location")).await;
    assert_eq!((tar.status, tar.header("content-type")), (StatusCode::OK, "application/x-tar"));
    // The archive was asked for after them and is there: they have had their turn.
    assert_eq!(told(cloud), before);
}

/// What the schedule would do within the minute.
fn backlog(cloud: &Cloud) {
    let event = cloud.folder().join("event.json");
    let answer = cloud.folder().join("answer.json");
    let schedule = json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events", "account": "000000000000",
        "time": "2026-01-01T00:00:00Z", "region": "us-east-1", "resources": [], "detail": {}
    });
    std::fs::write(&event, schedule.to_string()).unwrap();
    let payload = format!("fileb://{}", event.display());
    let invoked = cloud.aws(&[
        "lambda",
        "invoke",
        "--function-name",
        "aiv1-housekeeping",
        "--payload",
        &payload,
        answer.to_str().unwrap(),
    ]);
    let said = std::fs::read_to_string(&answer).unwrap();
    assert!(invoked["StatusCode"] == 200 && invoked.get("FunctionError").is_none(), "{invoked}: {said}");
}

/// Without this the rest would show nothing about permissions: the role of the pages reads the table and writes nothing.
fn policies_are_in_force(cloud: &Cloud) {
    let role = cloud.aws(&["iam", "get-role", "--role-name", &cloud.physical("PagesRole")]);
    let role = role["Role"]["Arn"].as_str().unwrap();
    let assumed = cloud.aws(&["sts", "assume-role", "--role-arn", role, "--role-session-name", "walk"]);
    let table = cloud.output("TableName");
    let key = r#"{"experiment_id": {"S": "walk"}, "timestamp": {"N": "0"}}"#;
    let call = |arguments: [&str; 3]| {
        let mut call = cloud.aws_command(&["dynamodb", arguments[0], "--table-name", &table]);
        call.args(&arguments[1..]);
        for (name, field) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            call.env(name, assumed["Credentials"][field].as_str().unwrap());
        }
        call.output().unwrap()
    };
    let read = call(["get-item", "--key", key]);
    assert!(read.status.success(), "{read:?}");
    let refused = call(["put-item", "--item", key]);
    assert!(!refused.status.success() && aiv1_tests::said(&refused).contains("AccessDenied"), "{refused:?}");
}

fn tokens_are_replaced(cloud: &Cloud) {
    let old = cloud.token("worker");
    cloud.script("cloud-tokens.sh", &["add", "worker"]);
    let both = cloud.token("worker");
    let (first, new) = both.split_once('\n').unwrap();
    assert_eq!(first, old, "the one that every function knows comes first");
    cloud.script("cloud-tokens.sh", &["retire", "worker"]);
    assert_eq!(cloud.token("worker"), new);
    // Written by hand, as functions take them, too.
    let name = format!("{}/tokens/submit", cloud.output("ParameterPrefix"));
    let hand = ["--type", "SecureString", "--overwrite", "--value", "old,new"];
    cloud.aws(&[&["ssm", "put-parameter", "--name", &name][..], &hand].concat());
    cloud.script("cloud-tokens.sh", &["retire", "submit"]);
    assert_eq!(cloud.token("submit"), "new");
}

/// What an operator set stays; what is there is not made anew.
fn deployed_again(cloud: &Cloud) {
    let tokens = ["submit", "worker", "admin"].map(|scope| cloud.token(scope));
    let settings = cloud.folder().join("settings.json");
    std::fs::write(&settings, "{\n  \"gop_frames\": 16, \"anchors\": [\"one two\"]\n}\n").unwrap();
    let set = ("SETTINGS", settings.to_str().unwrap());
    cloud.script_with("deploy.sh", &[], &[set, ("PARAMETERS", "AlarmEmail=me@lab.example")]);
    cloud.script("deploy.sh", &[]);
    let name = format!("{}/settings", cloud.output("ParameterPrefix"));
    let kept = cloud.aws(&["ssm", "get-parameter", "--name", &name])["Parameter"]["Value"].clone();
    assert_eq!(kept, r#"{"gop_frames":16,"anchors":["one two"]}"#);
    assert_eq!(["submit", "worker", "admin"].map(|scope| cloud.token(scope)), tokens);
}

/// The machines' stack is made; the server starts none.
fn machines(cloud: &Cloud) {
    let release = cloud.folder().join("target/release");
    std::fs::create_dir_all(&release).unwrap();
    for program in ["aiv1", "aiv1-worker"] {
        std::fs::copy("/bin/true", release.join(program)).unwrap();
    }
    // Debian publishes its images' names; the server has none of them.
    let image = ["--name", "/walk/image", "--type", "String", "--value", "ami-00000001"];
    cloud.aws(&[&["ssm", "put-parameter"][..], &image].concat());
    let target = cloud.folder().join("target");
    let variables =
        [("CARGO_TARGET_DIR", target.to_str().unwrap()), ("PARAMETERS", "Image=/walk/image MaxWorkers=3")];
    // The second time nothing has changed.
    for _ in 0..2 {
        cloud.script_with("deploy-workers.sh", &[], &variables);
    }
    let stack = cloud.aws(&["cloudformation", "describe-stacks", "--stack-name", "aiv1-workers"]);
    let parameters = stack["Stacks"][0]["Parameters"].as_array().unwrap();
    let told = |name: &str| {
        let mut found = parameters.iter().filter(|it| it["ParameterKey"] == name);
        found.next().unwrap()["ParameterValue"].as_str().unwrap().to_owned()
    };
    assert!(told("AlarmTopic").starts_with("arn:aws:sns:"));
    let copy = cloud.folder().join("release.tar.gz");
    let object = format!("s3://{}/{}", cloud.output("BucketName"), told("Release"));
    cloud.aws(&["s3", "cp", "--only-show-errors", &object, copy.to_str().unwrap()]);
    assert_eq!(aiv1_model::Digest::of(&std::fs::read(&copy).unwrap()).to_string(), told("ReleaseSha256"));
    let listed = succeed(Command::new("tar").arg("-tzf").arg(&copy));
    for file in ["bin/aiv1-worker", "machine/install.sh", "machine/worker.sh", "machine/wasm-toolchain.sh"] {
        assert!(listed.lines().any(|line| line == file), "{file} is not in {listed}");
    }
}
