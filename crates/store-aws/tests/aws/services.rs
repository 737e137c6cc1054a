//! Beside table and bucket: rebuilds announced, parameters read, machines asked.

use crate::support::table::{clients, loader};
use aiv1_store::contract::fixtures;
use aiv1_store::{Rebuild, RebuildMessage, SystemClock};
use aiv1_store_aws::{AwsStore, Config, Fleet, FleetError, LAB_TAG, Parameters};
use aiv1_test_servers::{Fault, FaultProxy, Ministack};
use aws_sdk_ssm::types::ParameterType;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_asked_for_is_announced_and_the_message_names_it() {
    let server = Ministack::start();
    let sqs = aws_sdk_sqs::Client::new(&loader(&server.endpoint()).load().await);
    let queue = sqs.create_queue().queue_name("rebuilds").send().await.unwrap().queue_url.unwrap();
    let config = Config {
        table: "lab".to_owned(),
        bucket: "unused".to_owned(),
        rebuild_queue: Some(queue.clone()),
        parameters: None,
    };
    let store = AwsStore::open(&clients(&server.endpoint()).await, &config, Arc::new(SystemClock));
    store.create_table().await.unwrap();
    let rebuild = Rebuild::Bundle { experiment: fixtures::submission(1).id() };
    store.catalog().request_rebuild(&rebuild).await.unwrap();
    let received = sqs.receive_message().queue_url(&queue).wait_time_seconds(5).send().await.unwrap();
    let bodies: Vec<_> = received.messages().iter().map(|message| message.body().unwrap()).collect();
    assert_eq!(bodies.len(), 1);
    let told: RebuildMessage = serde_json::from_str(bodies[0]).unwrap();
    assert_eq!(told.rebuild, rebuild);
}

/// How many messages were sent, and whether the queue took them, since the last time.
fn sent(proxy: &FaultProxy) -> Vec<bool> {
    let asked = proxy.asked();
    proxy.forget();
    let messages = asked.iter().filter(|asked| asked.target == "AmazonSQS.SendMessage");
    messages.map(|asked| asked.fault.is_none()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_hear_of_what_waits_until_somebody_takes_it_up() {
    const REFUSED: Fault = Fault::Answer {
        status: 400,
        content_type: "application/x-amz-json-1.0",
        body: r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#,
    };
    let server = Ministack::start();
    let sqs = aws_sdk_sqs::Client::new(&loader(&server.endpoint()).load().await);
    let queue = sqs.create_queue().queue_name("rebuilds").send().await.unwrap().queue_url.unwrap();
    let away = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&away);
    let proxy = FaultProxy::start(&server.endpoint(), move |asked| {
        let refused = asked.target == "AmazonSQS.SendMessage" && is_away.load(Ordering::Relaxed);
        refused.then_some(REFUSED)
    });
    let (clock, table) = (fixtures::clock(), "lab".to_owned());
    let config = Config { table, bucket: "unused".to_owned(), rebuild_queue: Some(queue), parameters: None };
    let store = AwsStore::open(&clients(&proxy.endpoint()).await, &config, Arc::clone(&clock) as _);
    store.create_table().await.unwrap();
    let (catalog, lease) = (store.catalog(), SignedDuration::from_mins(1));
    let target = |n| Rebuild::Bundle { experiment: fixtures::submission(n).id() };

    catalog.request_rebuild(&target(1)).await.unwrap();
    catalog.request_rebuild(&target(1)).await.unwrap();
    assert_eq!(sent(&proxy), [true], "a crowd that asks is one message");
    clock.advance(SignedDuration::from_secs(5));
    catalog.request_rebuild(&target(1)).await.unwrap();
    assert_eq!(sent(&proxy), [true], "asked for again after a while");
    catalog.requeue_lapsed().await.unwrap();
    assert!(sent(&proxy).is_empty(), "told a moment ago");

    catalog.begin_rebuild(&target(1), lease).await.unwrap().unwrap();
    clock.advance(lease);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 1);
    assert_eq!(sent(&proxy), [true], "the one that was lost");
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    assert!(sent(&proxy).is_empty());
    clock.advance(SignedDuration::from_mins(10));
    catalog.requeue_lapsed().await.unwrap();
    assert_eq!(sent(&proxy), [true], "nobody has taken it up");

    // Lost consumers, and no queue to say so: each is announced once there is one again.
    for n in 1..=2 {
        catalog.request_rebuild(&target(n)).await.unwrap();
        catalog.begin_rebuild(&target(n), lease).await.unwrap().unwrap();
    }
    sent(&proxy);
    clock.advance(lease);
    away.store(true, Ordering::Relaxed);
    assert!(catalog.requeue_lapsed().await.is_err());
    assert!(catalog.request_rebuild(&target(3)).await.is_err());
    assert!(sent(&proxy).iter().all(|taken| !taken));
    away.store(false, Ordering::Relaxed);
    assert_eq!(catalog.requeue_lapsed().await.unwrap(), 0);
    assert_eq!(sent(&proxy), [true, true]);
    clock.advance(SignedDuration::from_mins(5));
    catalog.requeue_lapsed().await.unwrap();
    assert_eq!(sent(&proxy), [true; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_are_read_below_their_prefix_page_by_page_and_secrets_stay_secret() {
    let server = Ministack::start();
    let ssm = aws_sdk_ssm::Client::new(&loader(&server.endpoint()).load().await);
    let put = async |name: &str, value: &str, kind: ParameterType| {
        ssm.put_parameter().name(name).value(value).r#type(kind).send().await.unwrap();
    };
    put("/aiv1/test/tokens/worker", "worker-token", ParameterType::SecureString).await;
    put("/aiv1/test/settings", "{}", ParameterType::String).await;
    put("/aiv1/test2/settings", "of another lab", ParameterType::String).await;
    // More than SSM gives at once.
    for n in 0..25 {
        put(&format!("/aiv1/test/more/{n:02}"), "more", ParameterType::String).await;
    }
    let clients = clients(&server.endpoint()).await;
    let parameters = Parameters::new(&clients, "/aiv1/test");
    let all = parameters.all().await.unwrap();
    assert_eq!(all.len(), 27, "{all:?}");
    assert_eq!(all["tokens/worker"].expose(), "worker-token");
    assert_eq!(all["settings"].expose(), "{}");
    assert!(all.contains_key("more/24"));
    assert!(!format!("{all:?} {parameters:?}").contains("worker-token"));
    assert_eq!(parameters.get("tokens/worker").await.unwrap().unwrap().expose(), "worker-token");
    assert!(parameters.get("tokens/admin").await.unwrap().is_none());
    assert!(Parameters::new(&clients, "/aiv1/none").all().await.unwrap().is_empty());
}

/// SSM's answers on the wire, as its reference documents them. No server here runs commands: this shows what is asked and
/// what is understood, not that a machine does it.
const MACHINES: &str = r#"{"InstanceInformationList":[
    {"InstanceId":"i-0bbbbbbbbbbbbbbbb","PingStatus":"ConnectionLost","LastPingDateTime":1767323045.5,"ComputerName":"ip-10-0-0-2"},
    {"InstanceId":"i-0aaaaaaaaaaaaaaaa","PingStatus":"Online","LastPingDateTime":1767323045.5,"ComputerName":"ip-10-0-0-1"}]}"#;
const SENT: &str = r#"{"Command":{"CommandId":"11111111-2222-3333-4444-555555555555","Status":"Pending"}}"#;
const NOT_YET: &str = r#"{"__type":"InvocationDoesNotExist","message":""}"#;
const RUNNING: &str = r#"{"Status":"InProgress","StandardOutputContent":""}"#;
const DONE: &str = r#"{"Status":"Success","ResponseCode":0,"StandardOutputContent":"{\"status\":\"ok\"}"}"#;
const FAILED: &str = r#"{"Status":"Failed","ResponseCode":7,"StandardOutputContent":"","StandardErrorContent":"curl: (7) refused\n"}"#;

/// A fleet whose SSM gives `looks`, one after another, when it is asked how a command stands.
async fn fleet(looks: &'static [(u16, &'static str)]) -> (Fleet, FaultProxy) {
    let mut looks = looks.iter().copied();
    let proxy = FaultProxy::start("http://127.0.0.1:9", move |asked| {
        let (status, body) = match asked.target.as_str() {
            "AmazonSSM.DescribeInstanceInformation" => (200, MACHINES),
            "AmazonSSM.SendCommand" => (200, SENT),
            "AmazonSSM.GetCommandInvocation" => looks.next().unwrap(),
            other => panic!("{other} is no call of the fleet"),
        };
        Some(Fault::Answer { status, content_type: "application/x-amz-json-1.1", body })
    });
    (Fleet::new(&clients(&proxy.endpoint()).await, "test"), proxy)
}

#[tokio::test]
async fn machines_are_those_of_the_lab_and_found_by_either_name() {
    let (fleet, proxy) = fleet(&[]).await;
    let machines = fleet.machines().await.unwrap();
    let names: Vec<_> = machines.iter().map(|machine| (machine.instance.as_str(), machine.online)).collect();
    assert_eq!(names, [("i-0aaaaaaaaaaaaaaaa", true), ("i-0bbbbbbbbbbbbbbbb", false)]);
    assert_eq!(machines[0].seen.unwrap().as_second(), 1_767_323_045);
    assert!(proxy.asked()[0].body.contains(&format!(r#""Key":"tag:{LAB_TAG}","Values":["test"]"#)));
    assert_eq!(fleet.find("ip-10-0-0-1").await.unwrap(), machines[0]);
    assert!(matches!(fleet.find("ip-10-0-0-2").await, Err(FleetError::Offline { .. })));
    assert_eq!(fleet.find("i-0aaaaaaaaaaaaaaaa").await.unwrap(), machines[0]);
    let missing = fleet.find("i-0").await.unwrap_err();
    assert!(matches!(missing, FleetError::NoMachine { .. }));
    let said = "no machine of lab \"test\" is called \"i-0\", neither by its id nor by its host name";
    assert_eq!(missing.to_string(), said);
}

#[tokio::test]
async fn a_command_is_waited_for_and_its_output_given() {
    let (fleet, proxy) = fleet(&[(400, NOT_YET), (200, RUNNING), (200, DONE)]).await;
    let said = fleet.run("i-0aaaaaaaaaaaaaaaa", "curl -fsS http://127.0.0.1:9437/health").await.unwrap();
    assert_eq!(said, r#"{"status":"ok"}"#);
    let asked = proxy.asked();
    let sent: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(sent["DocumentName"], "AWS-RunShellScript");
    assert_eq!(sent["InstanceIds"], serde_json::json!(["i-0aaaaaaaaaaaaaaaa"]));
    assert_eq!(sent["Parameters"]["commands"], serde_json::json!(["curl -fsS http://127.0.0.1:9437/health"]));
    assert_eq!(sent["Parameters"]["executionTimeout"], serde_json::json!(["30"]));
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn a_command_that_fails_says_how() {
    let (fleet, _proxy) = fleet(&[(200, FAILED)]).await;
    let failed = fleet.run("i-0aaaaaaaaaaaaaaaa", "curl").await.unwrap_err();
    assert_eq!(failed.to_string(), "the command on i-0aaaaaaaaaaaaaaaa is Failed: curl: (7) refused");
}
