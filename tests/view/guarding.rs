//! Who may see the page, and what nobody may.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::{start_view, view, with_frames};
use crate::harness::bare_subscriber;
use crate::harness::eventually::SOON;
use crate::harness::folder::Folder;
use crate::harness::http::Site;
use crate::harness::program::Program;

const TOKEN: &str = "a-token-that-nobody-guesses";

fn with_token(folder: &Path) -> (Program, Site) {
    let program = view(folder).env("FRAMEBRIDGE_VIEW_TOKEN", TOKEN).start();
    let site = Site::of(&program);
    (program, site)
}

#[test]
fn without_a_token_only_this_machines_own_names_are_answered_to() {
    let out = Folder::new();
    let (_view, site) = start_view(out.path());
    let port = site.address.rsplit_once(':').unwrap().1.to_owned();
    let status = |host: &str| site.send(&format!("GET / HTTP/1.0\r\n{host}\r\n")).status;
    for own in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"] {
        assert_eq!(status(&format!("Host: {own}:{port}\r\n")), 200, "{own}");
    }
    for foreign in [
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.7",
        "localhost.evil.example",
        "0.0.0.0",
    ] {
        assert_eq!(
            status(&format!("Host: {foreign}:{port}\r\n")),
            421,
            "{foreign}"
        );
    }
    assert_eq!(status(""), 400);
    assert_eq!(status("Host: a@localhost\r\n"), 400);
    assert_eq!(status("Host: localhost\r\nHost: localhost\r\n"), 400);
}

#[test]
fn another_sites_page_gets_nothing() {
    let out = Folder::new();
    let (_view, site) = start_view(out.path());
    let own = format!("Origin: http://{}\r\n", site.address);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (headers, status) in [
        (own.clone(), 200),
        ("Origin: http://evil.example\r\n".to_owned(), 403),
        ("Origin: null\r\n".to_owned(), 403),
        ("Sec-Fetch-Site: same-origin\r\n".to_owned(), 200),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n".to_owned(), 403),
        // Another port of this machine is another site's page, too.
        ("Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n".to_owned(), 403),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n".to_owned(), 200),
        ("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n".to_owned(), 403),
    ] {
        assert_eq!(site.get_with("/", &headers).status, status, "{headers}");
    }
    let connect = |origin: &str| {
        let host = &site.address;
        site.send(&format!(
            "GET /live HTTP/1.1\r\nHost: {host}\r\n{origin}{upgrade}\r\n"
        ))
        .status
    };
    assert_eq!(connect("Origin: http://localhost:3000\r\n"), 403);
}

#[test]
fn nothing_is_seen_without_the_token_and_everything_with_it() {
    let out = with_frames(2);
    let (view, site) = with_token(out.path());
    let all = [
        "/",
        "/app.js",
        "/live",
        "/frames/door?at=0",
        "/timeline/door?from=0&to=1",
        "/picture/1_1_0",
        "/download/door/zip?from=0&to=1",
        "/no",
    ];
    for path in all {
        let reply = site.get(path);
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.text().contains("<form"), "{path}");
    }
    let wrong = [
        "Authorization: Bearer wrong\r\n".to_owned(),
        format!("Cookie: other={TOKEN}\r\n"),
        format!("Cookie: framebridge={TOKEN}x\r\n"),
        format!("Authorization: Basic {TOKEN}\r\n"),
    ];
    for headers in &wrong {
        assert_eq!(
            site.get_with("/frames/door?at=0", headers).status,
            401,
            "{headers}"
        );
    }
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(site.get_with("/frames/door?at=0", &bearer).status, 200);

    // Once, in the address or in the form, and then as a cookie.
    let host = &site.address;
    let form = |token: &str| {
        let body = format!("token={token}");
        let length = body.len();
        site.send(&format!(
            "POST /enter HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    assert_eq!(form("wrong").status, 401);
    assert_eq!(site.get("/?token=wrong").status, 401);
    assert_eq!(
        site.get(&format!("/frames/door?at=0&token={TOKEN}")).status,
        401
    );
    for entered in [form(TOKEN), site.get(&format!("/?token={TOKEN}"))] {
        assert_eq!(entered.status, 200);
        let cookie = entered.header("set-cookie").unwrap();
        assert!(
            cookie.contains("; httponly") && cookie.contains("; samesite=strict"),
            "{cookie}"
        );
        let cookie = format!("Cookie: a=b; {}\r\n", cookie.split(';').next().unwrap());
        assert_eq!(site.get_with("/frames/door?at=0", &cookie).status, 200);
    }
    // A name that somebody else lets point here opens nothing without the token, and with it whoever has entered it there.
    let elsewhere = format!("GET / HTTP/1.0\r\nHost: cameras.example\r\n{bearer}\r\n");
    assert_eq!(site.send(&elsewhere).status, 200);
    assert!(!view.stderr().contains(TOKEN));
}

#[test]
fn an_address_that_others_reach_needs_a_token_of_some_length() {
    let out = Folder::new();
    let elsewhere = || {
        bare_subscriber()
            .arg("view")
            .arg(out.path())
            .flags("--listen 0.0.0.0:0")
    };
    elsewhere().run(SOON).failed(2, "needs a token");
    elsewhere()
        .env("FRAMEBRIDGE_VIEW_TOKEN", "hunter2")
        .run(SOON)
        .failed(2, "at least 16");
    view(out.path())
        .env("FRAMEBRIDGE_VIEW_TOKEN", OsStr::from_bytes(&[0xff; 20]))
        .run(SOON)
        .failed(2, "at least 16");
    bare_subscriber()
        .arg("--out")
        .arg(out.path())
        .flags("--view 0.0.0.0:0")
        .run(SOON)
        .failed(2, "needs a token");
    let file = out.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let program = elsewhere().arg("--view-token-file").arg(&file).start();
    program.says("(it asks for the token)");
    program.interrupt();
    program.wait(SOON).succeeded();
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let out = with_frames(1);
    let (_view, site) = start_view(out.path());
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/picture/..%2f..%2f..%2fetc%2fpasswd",
        "/picture/../../etc/passwd",
        "/picture/%2fetc%2fpasswd",
        "/picture/1_1_0%00",
        "/picture/99_1_99",
        "/picture/-1_-1_-1",
        "/frames/..%2f..?at=0",
        "/download/..%2fdoor/zip?from=0&to=1",
        "/assets/../Cargo.toml",
        "//etc/passwd",
        "/door/",
        "/index.jsonl",
        "/.framebridge.ledger.json",
    ] {
        let reply = site.get(path);
        assert!(
            matches!(reply.status, 400 | 404),
            "{path}: {}",
            reply.status
        );
        assert!(!reply.text().contains("root:"), "{path}");
    }
    for question in [
        "/timeline/door?from=-9223372036854775808&to=9223372036854775807&slots=99999999999",
        "/frames/door?at=-9223372036854775808",
        "/frames/door?at=9223372036854775807",
        "/frames/door?after=9223372036854775807_4294967295_18446744073709551615&most=18446744073709551615",
        "/frames/door?before=-9223372036854775808_0_0",
        "/download/door/zip?from=-9223372036854775808&to=9223372036854775807",
    ] {
        assert_eq!(site.get(question).status, 200, "{question}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let host = &site.address;
        let request = format!("{method} / HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(site.send(&request).status, 405, "{method}");
    }
}

#[test]
fn every_answer_tells_the_browser_to_load_nothing_from_elsewhere() {
    let out = Folder::new();
    let (_view, site) = start_view(out.path());
    for path in [
        "/",
        "/app.js",
        "/style.css",
        "/no",
        "/frames/door?at=0",
        "/picture/x",
    ] {
        let reply = site.get(path);
        let policy = reply
            .header("content-security-policy")
            .unwrap_or_else(|| panic!("{path} has no policy"));
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(
            reply.header("cross-origin-resource-policy"),
            Some("same-origin")
        );
    }
    for asset in [
        "/",
        "/app.js",
        "/grid.js",
        "/large.js",
        "/timeline.js",
        "/connection.js",
        "/sparkline.js",
        "/words.js",
        "/style.css",
    ] {
        let text = site.get(asset).text();
        assert!(
            !text.contains("http://") && !text.contains("https://"),
            "{asset} names another site"
        );
    }
}
