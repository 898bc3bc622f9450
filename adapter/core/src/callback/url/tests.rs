use proptest::prelude::*;

use super::{super::HostPattern, *};
use crate::keys::Cidr;

fn patterns(texts: &[&str]) -> Vec<HostPattern> {
    texts.iter().map(|text| HostPattern::parse(text).unwrap()).collect()
}

fn public() -> Policy {
    Policy { own_names: patterns(&["gateway.example.com", "*.gateway.example.com"]), ..Policy::default() }
}

#[track_caller]
fn check_by(policy: &Policy, url: &str, expected: Result<(), UrlRefusal>) {
    assert_eq!(CallbackUrl::parse(url.as_bytes(), policy).map(drop), expected, "{url}");
}

#[track_caller]
fn check(url: &str, expected: Result<(), UrlRefusal>) {
    check_by(&public(), url, expected);
}

fn read(url: &str) -> CallbackUrl {
    CallbackUrl::read(url.as_bytes()).unwrap()
}

#[test]
fn public_hosts_are_fine() {
    for url in [
        "https://hook.example.com",
        "HTTP://Hook.Example.com:8080/a/../b?token=%20#f",
        "https://hook.example.com./done",
        "https://xn--bcher-kva.example/",
        "https://under_score.example.com/",
        "http://8.8.8.8/",
        "http://134744072/",
        "https://[2606:4700::1111]:8443/",
        "https://gateway.example.com.evil.example/",
    ] {
        check(url, Ok(()));
    }
}

#[test]
fn what_has_two_readings_is_not_read() {
    check("", Err(UrlRefusal::Empty));
    check(&format!("https://a.example/{}", "a".repeat(2_048)), Err(UrlRefusal::Long));
    for url in [
        "https://a.example/ b",
        " https://a.example",
        "https://a.example\t",
        "https://a.example\\@b.example",
        "https://ä.example",
        "https://a.example/\u{7f}",
    ] {
        check(url, Err(UrlRefusal::Character));
    }
    for url in [
        "a.example",
        "//a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "http:a.example",
        "http:/a.example",
        "http:///a.example",
        "http://",
        "https://?a",
        "gopher://a.example",
        "javascript:alert(1)",
    ] {
        check(url, Err(UrlRefusal::Scheme));
    }
    for url in ["https://a%2eexample/", "https://%31%30.0.0.1/", "https://[fe80::1%25eth0]/"] {
        check(url, Err(UrlRefusal::EscapedHost));
    }
    for url in [
        "https://a.example:99999/",
        "https://[::1/",
        "https://a b.example",
        "https://1.2.3.4.5/",
        "https://[1.2.3.4]/",
    ] {
        assert!(CallbackUrl::read(url.as_bytes()).is_err(), "{url}");
    }
}

#[test]
fn a_user_in_it_is_refused_unless_the_operator_takes_them() {
    for url in [
        "https://me:pw@a.example/",
        "https://me@a.example/",
        "https://@a.example/",
        "https://:@a.example/",
        "https://a@b@c.example/",
    ] {
        check(url, Err(UrlRefusal::Userinfo));
    }
    let policy = Policy { userinfo: true, ..public() };
    check_by(&policy, "https://me:p%40w@a.example/", Ok(()));
    check_by(&policy, "http://me:pw@a.example/", Err(UrlRefusal::Userinfo));
    check_by(&policy, "https://a@b@c.example/", Err(UrlRefusal::Userinfo));
    let url = read("https://me:p%40w@a.example/x");
    assert_eq!(url.authorization().unwrap(), "Basic bWU6cEB3");
    assert_eq!(url.host_field(), "a.example");
    assert_eq!(read("https://a.example/x").authorization(), None);
}

#[test]
fn a_literal_address_is_classified_however_it_is_written() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0",
        "10.0.0.1",
        "10.0.0.1.",
        "169.254.169.254",
        "0xa9fea9fe",
        "192.0.2.1",
        "100.64.0.1",
        "168.63.129.16",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "[2001:db8::1]",
    ] {
        check(&format!("http://{host}/"), Err(UrlRefusal::Address));
    }
}

#[test]
fn names_of_a_local_network_and_our_own_are_refused() {
    for host in [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "nas.home.arpa",
    ] {
        check(&format!("http://{host}/"), Err(UrlRefusal::Local));
    }
    for host in ["intranet", "com.", "a..example", ".example.com", "a.example..", "a!b.example", "a*.example"]
    {
        check(&format!("http://{host}/"), Err(UrlRefusal::Name));
    }
    for host in ["gateway.example.com", "GATEWAY.example.com.", "a.gateway.example.com:8080"] {
        check(&format!("http://{host}/"), Err(UrlRefusal::Own));
    }
}

#[test]
fn ports_of_other_protocols_are_refused() {
    for port in ["0", "22", "25", "1023", "6379x", "6667", "2049"] {
        let url = format!("http://a.example:{port}/");
        assert!(CallbackUrl::parse(url.as_bytes(), &public()).is_err(), "{url}");
    }
    check("http://a.example:25/", Err(UrlRefusal::Port));
    check("https://a.example:80/", Ok(()));
    check("https://a.example:/", Ok(()));
}

#[test]
fn with_a_list_of_hosts_only_those_are_reached() {
    let policy = Policy {
        hosts: Some(patterns(&["hook.example.com", "*.corp.internal", "runner", "gateway.example.com"])),
        addresses: vec![Cidr::parse("10.0.0.0/8").unwrap()],
        ..public()
    };
    for host in ["hook.example.com", "a.b.corp.internal", "runner", "10.1.2.3"] {
        check_by(&policy, &format!("https://{host}/"), Ok(()));
    }
    for host in ["other.example.com", "8.8.8.8", "corp.internal", "localhost"] {
        check_by(&policy, &format!("https://{host}/"), Err(UrlRefusal::NotAllowed));
    }
    check_by(&policy, "https://192.168.0.1/", Err(UrlRefusal::Address));
    check_by(&policy, "https://gateway.example.com/", Err(UrlRefusal::Own));
}

#[test]
fn on_a_laptop_callbacks_may_go_to_the_laptop() {
    let policy = Policy { dev: true, ..public() };
    for host in ["localhost:9999", "hook.localhost", "127.0.0.1:9999", "[::1]:9999"] {
        check_by(&policy, &format!("http://{host}/"), Ok(()));
    }
    check_by(&policy, "http://10.0.0.1/", Err(UrlRefusal::Address));
    check_by(&policy, "http://printer.local/", Err(UrlRefusal::Local));
    check_by(&policy, "http://localhost:22/", Err(UrlRefusal::Port));
}

#[test]
fn what_is_dialled_is_what_was_judged() {
    let url = read("HTTPS://Hook.Example.com.:443/a/../b%2Fc?q=1#f");
    assert_eq!((url.host().as_str(), url.port(), url.is_https()), ("hook.example.com", 443, true));
    assert_eq!(url.target(), "/b%2Fc?q=1");
    assert_eq!(url.origin().to_string(), "https://hook.example.com:443");
    let url = read("http://[2606:4700::1111]:8080");
    assert_eq!((url.host().as_str(), url.target()), ("2606:4700::1111", "/"));
    assert_eq!(url.host_field(), "[2606:4700::1111]:8080");
    assert_eq!(url.origin().to_string(), "http://[2606:4700::1111]:8080");
}

#[test]
fn what_is_printed_holds_no_secret() {
    let url = read("https://me:canary@a.example:8443/canary?canary=canary");
    for shown in [format!("{url}"), format!("{url:?}")] {
        assert!(shown.contains("https://a.example:8443 #") && !shown.contains("canary"), "{shown}");
    }
    assert_eq!(read("https://a.example/1").to_string(), read("https://a.example/1").to_string());
    assert_ne!(read("https://a.example/1").to_string(), read("https://a.example/2").to_string());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>(), text in "(https?|HTTP)(:|://)[a-z0-9@:%\\[\\].#?/x_-]{0,40}") {
        let _ = CallbackUrl::parse(&bytes, &public());
        if let Ok(url) = CallbackUrl::read(text.as_bytes()) {
            let _ = (url.check(&public()), url.host_field(), url.target().len(), url.authorization());
        }
    }

    #[test]
    fn what_was_read_reads_the_same_again(text in "https?://([a-z]{1,5}(:[a-z%0-9]{0,5})?@)?[a-z0-9.-]{1,20}(:[0-9]{1,5})?(/[ -~]{0,20})?") {
        if let Ok(url) = CallbackUrl::read(text.as_bytes()) {
            prop_assert_eq!(CallbackUrl::read(url.expose().as_bytes()), Ok(url));
        }
    }
}
