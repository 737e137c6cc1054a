//! Which variables a function reads, beside those of the store and of the AWS SDK.

use crate::Error;
use std::ffi::OsString;

/// Address of the site: `https://HOST`, without a slash at its end. Required of functions that answer requests.
pub const PUBLIC_URL: &str = "AIV1_PUBLIC_URL";
/// What is logged: the filters of the `tracing` crate; `info` by default. What other libraries say is never logged below
/// `info`: it may hold what was sent.
pub const LOG: &str = "AIV1_LOG";

/// Every variable of this crate.
pub const VARIABLES: [&str; 2] = [PUBLIC_URL, LOG];

/// Set by Lambda for whatever it runs.
pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Set by Lambda: what the function is called.
pub(crate) const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";
/// Set by Lambda: where it runs.
const REGION: &str = "AWS_REGION";
/// Where an emulator of AWS listens, for every service.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// Set by Lambda.
const OF_LAMBDA: [&str; 5] =
    [RUNTIME_API, REGION, FUNCTION, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// Refuses to go on where no Lambda has started the process: the runtime would panic.
pub(crate) fn check_runs_in_lambda() -> Result<(), Error> {
    let missing = OF_LAMBDA.into_iter().find(|name| std::env::var_os(name).is_none());
    let unset = "set by Lambda: this program is run by Lambda, or by something that speaks its Runtime API";
    missing.map_or(Ok(()), |variable| Err(wrong(variable, "", unset)))
}

/// The region, and the address of an emulator if there is one.
pub(crate) fn region_and_endpoint() -> (String, Option<String>) {
    let text = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    (text(REGION).unwrap_or_default(), text(ENDPOINT).filter(|endpoint| !endpoint.is_empty()))
}

/// The address of the site.
pub(crate) fn public_url() -> Result<String, Error> {
    checked_url(std::env::var_os(PUBLIC_URL))
}

fn checked_url(value: Option<OsString>) -> Result<String, Error> {
    let url = value.unwrap_or_default().to_string_lossy().into_owned();
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let strange = |c: char| c == '/' || c.is_whitespace() || c.is_control();
    if host.is_none_or(|host| host.is_empty() || host.contains(strange)) {
        return Err(wrong(PUBLIC_URL, &url, "https://HOST, without a slash at its end"));
    }
    Ok(url)
}

/// What the function is called.
pub(crate) fn function() -> String {
    std::env::var_os(FUNCTION).unwrap_or_default().to_string_lossy().into_owned()
}

pub(crate) fn wrong(variable: &'static str, value: &str, bound: &'static str) -> Error {
    let value = if value.is_empty() { "not set".to_owned() } else { format!("{value:.200?}") };
    Error::Variable { variable, value, bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_the_site_is_an_origin() {
        for good in ["https://lab.example", "http://127.0.0.1:8000"] {
            assert_eq!(checked_url(Some(good.into())).unwrap(), good);
        }
        for bad in [
            "",
            "lab.example",
            "https://",
            "https://lab.example/",
            "https://lab.example/prod",
            "ftp://x",
            "https://a b",
        ] {
            assert!(checked_url(Some(bad.into())).is_err(), "{bad:?}");
        }
        let unset = checked_url(None).unwrap_err().to_string();
        assert_eq!(unset, "AIV1_PUBLIC_URL is not set, but must be https://HOST, without a slash at its end");
    }
}
