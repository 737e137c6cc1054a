//! The templates held to the code: variables, permissions, table, lifecycle, settings, metrics.

use crate::template::{Template, files, strings};
use aiv1_housekeeping::Backlog;
use aiv1_model::Settings;
use aiv1_store::{BlobKey, ObjectKind, RETENTION};
use aiv1_store_aws::{BUCKET_CALLS, TABLE_CALLS, TTL_ATTRIBUTE, config};
use std::collections::BTreeSet;

/// What a function must be told: beside table and bucket.
const NEEDS: [(&str, &[&str]); 5] = [
    ("dashboard-ssr", &[aiv1_lambda::PUBLIC_URL]),
    ("experiment-api", &[aiv1_lambda::PUBLIC_URL, config::PARAMETERS]),
    ("presign", &[aiv1_lambda::PUBLIC_URL, config::PARAMETERS, config::REBUILD_QUEUE]),
    ("regenerate-video", &[]),
    ("housekeeping", &[config::PARAMETERS, config::REBUILD_QUEUE]),
];

#[test]
fn a_function_is_told_what_it_needs_and_nothing_that_no_library_reads() {
    let template = Template::read("template.yaml");
    let functions = template.functions();
    assert_eq!(functions.len(), NEEDS.len());
    for (name, needs) in NEEDS {
        let told = template.variables(functions[name]);
        let wanted = needs.iter().copied().chain([config::TABLE, config::BUCKET, aiv1_lambda::LOG]);
        assert_eq!(told, wanted.map(str::to_owned).collect(), "{name}");
        let known = |variable: &String| {
            config::VARIABLES.contains(&variable.as_str())
                || aiv1_lambda::VARIABLES.contains(&variable.as_str())
        };
        assert!(told.iter().all(known), "{name}: {told:?}");
    }
}

#[test]
fn a_machine_is_told_only_what_a_library_reads() {
    // Those of the command, which is no library: its own tests hold them.
    let mut known =
        BTreeSet::from(["AIV1_STORE", "AIV1_CACHE", "AIV1_LOG", aiv1_lab::toolchain::RUSTC_VARIABLE]);
    known.extend(config::VARIABLES);
    known.extend(aiv1_worker::config::VARIABLES);
    let folder = aiv1_tests::workspace().join("infra");
    let units = ["aiv1-worker.service", "aiv1-loop.service", "install.sh", "worker.sh"]
        .map(|name| folder.join("machine").join(name));
    let mut seen = 0;
    for path in files().into_iter().filter(|path| path.starts_with(&folder)).chain(units) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("AIV1_") {
            let end = text[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap();
            let name = &text[at..at + end];
            assert!(known.contains(name), "{}: {name}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 8, "the machines are told in another way now: {seen}");
}

const READS: [&str; 3] = ["BatchGetItem", "GetItem", "Query"];

/// Which role belongs to a function's folder, whether it writes the table, what it reads and puts below which prefix of
/// the bucket, and the other calls it makes.
struct Role {
    function: &'static str,
    name: &'static str,
    writes_table: bool,
    reads: &'static [&'static str],
    puts: &'static [&'static str],
    other: &'static [&'static str],
}

const KEPT: &[&str] = &["anchors/", "clips/", "manifests/", "modules/", "records/", "sources/", "streams/"];
const CONSUMES: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];

const ROLES: [Role; 5] = [
    Role {
        function: "dashboard-ssr",
        name: "PagesRole",
        writes_table: false,
        reads: &["records/", "reconstructed/", "sources/"],
        puts: &[],
        other: &["s3:ListBucket"],
    },
    Role {
        function: "experiment-api",
        name: "ExperimentsRole",
        writes_table: true,
        reads: KEPT,
        puts: &["sources/"],
        other: &["s3:ListBucket", "ssm:GetParametersByPath"],
    },
    Role {
        function: "presign",
        name: "LinksRole",
        writes_table: true,
        reads: &[
            "anchors/",
            "clips/",
            "manifests/",
            "modules/",
            "reconstructed/",
            "records/",
            "sources/",
            "streams/",
        ],
        puts: KEPT,
        other: &["s3:ListBucket", "sqs:SendMessage", "ssm:GetParametersByPath"],
    },
    Role {
        function: "regenerate-video",
        name: "RebuilderRole",
        writes_table: true,
        reads: &[
            "anchors/",
            "clips/",
            "manifests/",
            "modules/",
            "reconstructed/",
            "records/",
            "sources/",
            "streams/",
        ],
        puts: &["reconstructed/"],
        other: &["s3:AbortMultipartUpload", "s3:ListBucket", CONSUMES[0], CONSUMES[1], CONSUMES[2]],
    },
    Role {
        function: "housekeeping",
        name: "HousekeepingRole",
        writes_table: true,
        reads: &[],
        puts: &[],
        other: &["sqs:SendMessage", CONSUMES[0], CONSUMES[1], CONSUMES[2]],
    },
];

#[test]
fn a_role_allows_the_calls_that_its_function_makes_and_no_others() {
    let template = Template::read("template.yaml");
    let functions = template.functions();
    for it in ROLES {
        assert_eq!(functions[it.function]["Role"]["Fn::GetAtt"][0], it.name);
        let allowed = template.allowed(it.name);
        let actions: BTreeSet<&str> = allowed.iter().map(|(action, _)| action.as_str()).collect();
        let table: &[&str] = if it.writes_table { &TABLE_CALLS } else { &READS };
        let mut wanted: BTreeSet<String> = table.iter().map(|call| format!("dynamodb:{call}")).collect();
        wanted.extend(it.other.iter().map(|action| (*action).to_owned()));
        wanted.extend(["logs:CreateLogStream", "logs:PutLogEvents"].map(str::to_owned));
        wanted.extend((!it.reads.is_empty()).then(|| "s3:GetObject".to_owned()));
        wanted.extend((!it.puts.is_empty()).then(|| "s3:PutObject".to_owned()));
        assert_eq!(actions, wanted.iter().map(String::as_str).collect(), "{}", it.name);
        for (action, prefixes) in [("s3:GetObject", it.reads), ("s3:PutObject", it.puts)] {
            let below: BTreeSet<String> =
                prefixes.iter().map(|prefix| format!("${{Bucket.Arn}}/{prefix}*")).collect();
            let given = allowed.iter().filter(|(it, _)| it == action).map(|(_, resource)| resource.clone());
            assert_eq!(given.collect::<BTreeSet<_>>(), below, "{}: {action}", it.name);
        }
        let parameters = allowed.iter().filter(|(action, _)| action.starts_with("ssm:"));
        let parameters: Vec<_> = parameters.map(|(_, resource)| resource.as_str()).collect();
        if !parameters.is_empty() {
            assert_eq!(parameters, [PARAMETERS.to_owned(), format!("{PARAMETERS}/*")], "{}", it.name);
        }
    }
}

/// All of a lab's, as a resource.
const PARAMETERS: &str = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/aiv1/${Lab}";

#[test]
fn no_role_may_do_everything_with_anything() {
    for path in ["template.yaml", "infra/workers.yaml"] {
        let template = Template::read(path);
        for role in template.of_type("AWS::IAM::Role").into_keys() {
            for (action, resource) in template.allowed(role) {
                assert!(!action.contains('*') && resource != "\"*\"", "{role}: {action} on {resource}");
                // All that begins alike is more than meant: the lab `prod2` beside `prod`.
                let (before, _) = resource.split_once('*').unwrap_or(("/", ""));
                assert!(before.ends_with(['/', ':']), "{role}: {action} on {resource}");
                let bucket = action.strip_prefix("s3:").map(|call| BUCKET_CALLS.contains(&call));
                assert_ne!(bucket, Some(false), "{role}: no code asks for {action}");
            }
        }
    }
}

#[test]
fn prefixes_in_roles_are_those_of_keys() {
    let digest = aiv1_model::Digest::of(b"");
    let folder = |kind| {
        let path = BlobKey::object(kind, digest).path();
        format!("{}/", path.split_once('/').unwrap().0)
    };
    let kept: BTreeSet<String> = ObjectKind::ALL.into_iter().map(folder).collect();
    assert_eq!(kept, KEPT.iter().map(|prefix| (*prefix).to_owned()).collect());
}

#[test]
fn a_worker_reads_its_own_parameters_and_the_release_alone() {
    let allowed = Template::read("infra/workers.yaml").allowed("WorkerRole");
    let wanted = [
        ("s3:GetObject", "arn:${AWS::Partition}:s3:::${BucketName}/releases/*".to_owned()),
        ("ssm:GetParameter", format!("{PARAMETERS}/tokens/worker")),
        ("ssm:GetParameter", format!("{PARAMETERS}/worker/url")),
    ];
    assert_eq!(allowed, wanted.map(|(action, resource)| (action.to_owned(), resource)).into());
}

#[test]
fn the_loop_has_table_sources_and_clips_and_reads_the_settings_and_what_names_a_model() {
    let bucket = "arn:${AWS::Partition}:s3:::${BucketName}";
    let table =
        "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/${TableName}".to_owned();
    let mut wanted = BTreeSet::from([
        ("s3:GetObject".to_owned(), format!("{bucket}/releases/*")),
        ("s3:ListBucket".to_owned(), bucket.to_owned()),
        ("ssm:GetParameter".to_owned(), format!("{PARAMETERS}/settings")),
        ("ssm:GetParameter".to_owned(), format!("{PARAMETERS}/llm/*")),
    ]);
    wanted.extend(TABLE_CALLS.map(|call| (format!("dynamodb:{call}"), table.clone())));
    for prefix in ["sources/", "clips/"] {
        let calls = ["AbortMultipartUpload", "GetObject", "PutObject"];
        wanted.extend(calls.map(|call| (format!("s3:{call}"), format!("{bucket}/{prefix}*"))));
    }
    assert_eq!(Template::read("infra/workers.yaml").allowed("LoopRole"), wanted);
}

/// The managed policy of the SSM agent lets a machine read every parameter of the account.
#[test]
fn a_machine_is_denied_every_parameter_that_it_is_not_allowed() {
    let template = Template::read("infra/workers.yaml");
    for role in ["WorkerRole", "LoopRole"] {
        let allowed = template.allowed(role);
        let read = allowed.iter().filter(|(action, _)| action == "ssm:GetParameter");
        let read: BTreeSet<_> = read.map(|(_, resource)| resource.clone()).collect();
        let denied = template.statements(role).into_iter().filter(|it| it["Effect"] == "Deny");
        let denied: Vec<_> = denied.collect();
        assert_eq!(denied.len(), 1, "{role}");
        assert_eq!(strings(&denied[0]["NotResource"]), read, "{role}");
        let calls = ["GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"];
        let calls = calls.map(|call| format!("ssm:{call}"));
        assert_eq!(strings(&denied[0]["Action"]), calls.into(), "{role}");
    }
}

#[test]
fn the_table_is_the_one_the_store_expects() {
    let template = Template::read("template.yaml");
    let table = &template.0["Resources"]["Table"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    let table = &table["Properties"];
    let keys =
        table["KeySchema"].as_array().unwrap().iter().map(|key| key["AttributeName"].as_str().unwrap());
    assert_eq!(keys.collect::<Vec<_>>(), ["experiment_id", "timestamp"]);
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], TTL_ATTRIBUTE);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn only_what_can_be_made_again_expires_and_when_the_store_says_so() {
    let template = Template::read("template.yaml");
    let bucket = &template.0["Resources"]["Bucket"];
    assert_eq!(bucket["DeletionPolicy"], "RetainExceptOnCreate");
    let rules = bucket["Properties"]["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    let expiring: Vec<_> = rules.iter().filter(|rule| rule.get("ExpirationInDays").is_some()).collect();
    assert_eq!(expiring.len(), 1);
    assert_eq!(expiring[0]["Prefix"], BlobKey::EXPIRING);
    assert_eq!(expiring[0]["ExpirationInDays"], RETENTION.as_hours() / 24);
    for rule in rules.iter().filter(|rule| rule.get("ExpirationInDays").is_none()) {
        let ends = ["Expiration", "ExpirationDate", "NoncurrentVersionExpiration", "Transitions"];
        assert!(ends.iter().all(|end| rule.get(end).is_none()), "{rule}");
    }
}

#[test]
fn the_settings_in_the_template_are_settings() {
    let template = Template::read("template.yaml");
    assert_eq!(template.0["Resources"]["Settings"]["Properties"]["Value"]["Ref"], "DefaultSettings");
    let text = template.0["Parameters"]["DefaultSettings"]["Default"].as_str().unwrap();
    assert!(text.len() <= 4096, "a standard parameter has at most 4 KiB");
    let settings: Settings = serde_json::from_str(text).unwrap();
    settings.check().unwrap();
    assert_eq!(settings.limits, aiv1_model::Limits::default());
    assert_eq!(settings.anchors, aiv1_lab::default_anchors());
}

#[test]
fn metrics_that_alarms_and_scaling_follow_are_those_that_are_told() {
    let backlog = Backlog { queued: 1, in_progress: 1, workers: 1, taken_back: 0 };
    let sources = ["crates/lambda/src/function.rs", "functions/regenerate-video/src/queue.rs"]
        .map(|path| std::fs::read_to_string(aiv1_tests::workspace().join(path)).unwrap());
    let told: BTreeSet<&str> = backlog.metrics().map(|metric| metric.name).into_iter().collect();
    let mut followed = 0;
    for path in files() {
        let template = Template::read(path.to_str().unwrap());
        let mut open = vec![&template.0["Resources"]];
        while let Some(value) = open.pop() {
            if value["Namespace"] == aiv1_lambda::NAMESPACE {
                let name = value["MetricName"].as_str().unwrap();
                match value["Dimensions"][0]["Name"].as_str() {
                    Some("Lab") => assert!(told.contains(name), "{}: {name}", path.display()),
                    Some("Function") => {
                        let counted = format!("Metric::count(\"{name}\"");
                        assert!(sources.iter().any(|text| text.contains(&counted)), "nobody counts {name}");
                    }
                    other => panic!("{}: {name} has no dimension {other:?}", path.display()),
                }
                followed += 1;
            }
            match value {
                serde_json::Value::Object(fields) => open.extend(fields.values()),
                serde_json::Value::Array(values) => open.extend(values),
                _ => {}
            }
        }
    }
    assert!(followed >= 7, "alarms are written in another way now: {followed}");
}

/// From no machine to as many as there may be, by what one waiting experiment and the loop alone make of the metrics.
#[test]
fn the_fleet_begins_with_one_experiment_and_the_loop_alone_fills_it() {
    let template = Template::read("infra/workers.yaml");
    let resources = &template.0["Resources"];
    let alarm = &resources["WorkAndNoWorker"]["Properties"];
    assert_eq!((&alarm["MetricName"], &alarm["Threshold"]), (&"Unserved".into(), &0.into()));
    assert_eq!(alarm["AlarmActions"][0]["Ref"], "Begin");
    assert_eq!(resources["Begin"]["Properties"]["StepAdjustments"][0]["ScalingAdjustment"], 1);
    let backlog = |queued, workers| Backlog { queued, in_progress: workers, workers, taken_back: 0 };
    assert_eq!([1, 2].map(|queued| backlog(queued, 0).unserved()), [1, 2], "the first machine comes");

    let number = |name: &str| template.0["Parameters"][name]["Default"].as_u64().unwrap();
    let (target, most, ahead) = (number("BacklogPerWorker"), number("MaxWorkers"), number("Ahead"));
    for workers in 1..most {
        let backlog = backlog(ahead, workers);
        assert_eq!(backlog.unserved(), 0);
        assert!(backlog.per_worker() > target as f64, "{workers} workers stay alone: {backlog:?}");
    }
    assert!(backlog(1, 1).per_worker() <= target as f64, "one that waits is no reason for another machine");
}

#[test]
fn the_largest_stream_fits_where_it_is_rebuilt() {
    let template = Template::read("template.yaml");
    let size = template.functions()["regenerate-video"]["EphemeralStorage"]["Size"].as_u64().unwrap();
    assert!(size << 20 > ObjectKind::Stream.max_bytes(), "{size} MB");
}
