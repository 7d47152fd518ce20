//! `ipcr serve`: what it answers and refuses, and the page in a browser.

mod browser;
#[path = "../common/mod.rs"]
mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;

use browser::Browser;
use common::core::children::{Gate, child};
use common::core::namespace::isolated;
use common::core::skip::{Need, skip};
use common::core::until;
use common::{command, end, run};
use ipc_ring::{Domain, broadcast, mpmc, spsc};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json as value};

/// A running server.
struct Served {
    child: Option<Child>,
    address: String,
}

impl Served {
    fn start(arguments: &str) -> Served {
        let mut child = command(&format!("serve --listen 127.0.0.1:0 {arguments}")).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Served { child: Some(child), address }
    }

    fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The answer to a request with this first line and host: head and body.
    fn ask(&self, request: &str, host: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        (head.to_owned(), body.to_owned())
    }

    fn get(&self, path: &str) -> (String, String) {
        self.ask(&format!("GET {path}"), &self.address.clone())
    }

    fn data(&self) -> Value {
        let (head, body) = self.get("/data.json");
        assert!(head.starts_with("HTTP/1.1 200 ") && body.is_ascii(), "{head} {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn end(mut self) -> Option<i32> {
        let child = self.child.take().unwrap();
        kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        end(child).code
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn it_answers_requests_for_this_machine_and_no_others() {
    isolated(|| {
        let domain = Domain::open("page").unwrap();
        let served = Served::start("");
        for (path, kind) in [
            ("/", "text/html; charset=utf-8"),
            ("/page.css", "text/css; charset=utf-8"),
            ("/page.js?x", "text/javascript; charset=utf-8"),
            ("/data.json", "application/json"),
        ] {
            let (head, body) = served.get(path);
            assert!(
                head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("Content-Type: {kind}")),
                "{head}"
            );
            for header in [
                "Content-Security-Policy: default-src 'none'; ",
                "X-Content-Type-Options: nosniff",
                "Cache-Control: no-store",
            ] {
                assert!(head.contains(header), "{header} in {head}");
            }
            assert!(!head.contains("Access-Control"), "{head}");
            // Nothing from elsewhere is even named.
            assert!(
                !body.contains("http:") && !body.contains("https:") || path.starts_with("/page.js"),
                "{path}"
            );
        }
        let port = served.address.rsplit_once(':').unwrap().1.to_owned();
        for host in [
            "localhost".to_owned(),
            format!("LOCALHOST:{port}"),
            "127.0.0.1:1".to_owned(),
            "[::1]:80".to_owned(),
        ] {
            assert!(served.ask("GET /data.json", &host).0.starts_with("HTTP/1.1 200 "), "{host}");
        }
        // The name of another site that was made to point here.
        for host in ["evil.example", "evil.example:80", "localhost.evil.example", "192.168.1.1"] {
            let (head, body) = served.ask("GET /data.json", host);
            assert!(head.starts_with("HTTP/1.1 421 ") && !body.contains("channels"), "{host}: {head} {body}");
        }
        for (request, status) in
            [("POST /data.json", 405), ("DELETE /", 405), ("GET /../etc/passwd", 404), ("GET /x", 404)]
        {
            let (head, _) = served.ask(request, "localhost");
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
        }
        let (head, body) = served.ask("HEAD /", "localhost");
        assert!(head.starts_with("HTTP/1.1 200 ") && body.is_empty(), "{head} {body}");

        // One that does not read its answer holds up no one else.
        let mut idle = TcpStream::connect(&served.address).unwrap();
        write!(idle, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        served.data();
        assert_eq!(domain.list().unwrap().processes.len(), 1);
        let address = served.address.clone();
        assert_eq!(served.end(), Some(130));
        assert!(TcpStream::connect(address).is_err());

        assert_eq!(run("serve --domain nowhere").code, Some(3));
        let ended = run("serve --listen 0.0.0.0:0");
        assert!(ended.code == Some(2) && ended.errors.contains("from other machines"), "{ended:?}");
    });
}

#[test]
fn the_data_is_that_of_the_channels_and_no_memory_is_kept_without_a_page() {
    isolated(|| {
        let domain = Domain::open("data").unwrap();
        let news = broadcast::Builder::<u64>::new("news\u{9b}").domain(&domain).capacity(16);
        let mut publisher = news.create_sender().unwrap();
        let _slow = news.open_receiver().unwrap();
        (0..9).for_each(|number| publisher.push(number).unwrap());
        let served = Served::start("--interval 20ms");
        let data = served.data();
        assert_eq!((&data["schema_version"], &data["type"]), (&value!(1), &value!("snapshot")));
        let channel = &data["channels"][0];
        assert_eq!(
            (&channel["channel"], &channel["kind"], &channel["lag"]),
            (&value!("news\u{9b}"), &value!("broadcast"), &value!(9))
        );
        assert_eq!((&channel["missed"], &channel["pushed_per_second"]), (&value!(0), &value!(0.0)));
        let me = std::process::id();
        let ends: Vec<_> = channel["ends"]
            .as_array()
            .unwrap()
            .iter()
            .map(|end| (&end["role"], &end["pid"], &end["alive"], &end["behind"]))
            .collect();
        let (pid, alive, none) = (value!(me), value!(true), Value::Null);
        assert_eq!(
            ends,
            [(&value!("producer"), &pid, &alive, &none), (&value!("consumer"), &pid, &alive, &value!(9))]
        );
        assert_eq!(data["domains"], value!([{ "domain": "data", "alive": 1, "dead": 0, "error": null }]));
        until(|| {
            publisher.push(1).unwrap();
            served.data()["channels"][0]["pushed_per_second"].as_f64().unwrap() > 0.0
        });

        let maps = || std::fs::read_to_string(format!("/proc/{}/maps", served.pid())).unwrap();
        until(|| maps().contains("SYSV"));
        // Without a request it detaches.
        until(|| !maps().contains("SYSV"));
        drop((publisher, _slow));
        assert_eq!(served.data()["channels"], value!([]));
    });
}

#[test]
fn the_page_shows_the_channels_in_a_browser() {
    let Some(name) = Browser::find() else {
        skip(Need::Chromium, "the page is opened");
        return;
    };
    isolated(|| {
        let domain = Domain::open("browser").unwrap();
        let news = broadcast::Builder::<u64>::new("a.news").domain(&domain).capacity(16);
        let mut publisher = news.create_sender().unwrap();
        let _slow = news.open_receiver().unwrap();
        let jobs = mpmc::Builder::<u64>::new("b.jobs").domain(&domain).capacity(8);
        let mut jobs = (jobs.create_sender().unwrap(), jobs.open_receiver().unwrap());
        (0..12).for_each(|number| publisher.push(number).unwrap());
        (0..7).for_each(|number| jobs.0.push(number).unwrap());
        // A name that would be markup.
        let hostile = "<img src=x onerror=alert(1)>";
        let _hostile = spsc::Builder::<u32>::new(hostile).domain(&domain).create_sender().unwrap();
        let gate = Gate::new();
        let dead = child(|| {
            let domain = Domain::open("browser").unwrap();
            let _producer = spsc::Builder::<u32>::new("c.orphan").domain(&domain).create_sender().unwrap();
            gate.open();
            std::thread::sleep(std::time::Duration::from_secs(600));
        });
        gate.pass();
        let _consumer = spsc::Builder::<u32>::new("c.orphan").domain(&domain).open_receiver().unwrap();

        let served = Served::start("--interval 100ms");
        let mut page = Browser::open(name, &format!("http://{}/", served.address));
        page.until("document.querySelectorAll('tr.channel').length === 4");
        let names = "[...document.querySelectorAll('tr.channel > th button')].map(b => b.textContent)";
        let mut texts: Vec<String> = serde_json::from_value(page.value(names)).unwrap();
        texts.sort();
        assert_eq!(texts, [hostile, "a.news", "b.jobs", "c.orphan"]);
        assert_eq!(page.value("document.images.length"), 0);
        let row = |name: &str| {
            format!(
                "[...document.querySelectorAll('tr.channel')].find(r => r.textContent.includes('{name}'))"
            )
        };
        let cell = |name: &str, at: usize| format!("{}.cells[{at}].textContent", row(name));
        assert_eq!(page.value(&cell("a.news", 6)), "12");
        assert_eq!(page.value(&cell("b.jobs", 4)), "88 %");
        let late = page.value(&format!("{}.cells[6].className", row("a.news")));
        assert!(late.as_str().unwrap().contains("doubtful"), "{late}");

        // It goes on by itself: a rate, and a death.
        let pid = dead.pid();
        dead.kill();
        page.until("document.getElementById('summary').textContent.includes('1 dead end')");
        page.until(&format!("{}.cells[8].textContent.includes('producer {pid} dead')", row("c.orphan")));
        assert_eq!(page.value("document.querySelector('[role=status]').textContent"), "1 end has died.");
        assert_eq!(page.value("document.title"), "(1) ipcr");
        let colour = page
            .value(&format!("getComputedStyle({}.cells[0].querySelector('button')).color", row("c.orphan")));
        assert_eq!(colour, "rgb(179, 23, 29)");

        // All columns are shown.
        page.picture((1280, 800), "light");
        // The keyboard: to the first heading, which sorts by name; twice turns it round.
        page.value("document.querySelector('thead button').focus()");
        page.press("Enter", 13);
        page.until("document.querySelector('th[data-by=name]').ariaSort === 'ascending'");
        let order =
            |page: &mut Browser| -> Vec<String> { serde_json::from_value(page.value(names)).unwrap() };
        assert_eq!(order(&mut page), [hostile, "a.news", "b.jobs", "c.orphan dead end"]);
        page.press(" ", 32);
        page.until("document.querySelector('th[data-by=name]').ariaSort === 'descending'");
        assert_eq!(order(&mut page)[0], "c.orphan dead end");
        // From there by Tab through the other headings to the first channel, which opens.
        (0..7).for_each(|_| page.press("Tab", 9));
        assert_eq!(page.value("document.activeElement.textContent"), "c.orphan dead end");
        page.press("Enter", 13);
        page.until("document.activeElement.getAttribute('aria-expanded') === 'true'");
        page.until(&format!(
            "document.querySelector('tr.details:not([hidden])').innerText.includes('producer {pid} dead')"
        ));
        let details = page.value("document.querySelector('tr.details:not([hidden])').innerText");
        assert!(
            details.as_str().unwrap().contains("0 behind")
                && details.as_str().unwrap().contains("high water"),
            "{details}"
        );
        // The focus outlives looks, and a new order.
        page.value("document.querySelector('th[data-by=lag] button').click()");
        page.until("document.querySelector('tr.channel').textContent.includes('a.news')");
        assert_eq!(page.value("document.activeElement.textContent"), "c.orphan dead end");

        // What a screen reader is given.
        let tree = page.ask("Accessibility.getFullAXTree", value!({}));
        let nodes = tree["nodes"].as_array().unwrap();
        let has = |role: &str, name: &str| {
            nodes.iter().any(|node| {
                node["role"]["value"] == role
                    && node["name"]["value"].as_str().is_some_and(|found| found.contains(name))
            })
        };
        for (role, name) in [
            ("table", "Channels"),
            ("columnheader", "Rate"),
            ("rowheader", "a.news"),
            ("button", "Pause"),
            ("searchbox", "Filter"),
            ("heading", "Domains"),
            ("link", "Skip to the channels"),
        ] {
            assert!(has(role, name), "{role} {name:?}");
        }

        // The filter, and a width where the table still fits.
        page.value("(f => { f.value = 'jobs'; f.dispatchEvent(new Event('input')); })(document.getElementById('filter'))");
        page.until("document.querySelectorAll('tr.channel').length === 1");
        page.value("(f => { f.value = ''; f.dispatchEvent(new Event('input')); })(document.getElementById('filter'))");
        page.until("document.querySelectorAll('tr.channel').length === 4");
        page.value("document.querySelector('tr.channel button').click()");
        page.until("document.querySelector('tr.details').innerText.includes('12 behind')");
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        for (name, size, scheme) in [
            ("light", (1280, 800), "light"),
            ("dark", (1280, 800), "dark"),
            ("middle", (800, 800), "dark"),
            ("narrow", (360, 800), "light"),
        ] {
            let picture = page.picture(size, scheme);
            assert!(picture.starts_with("iVBORw0KGgo"), "a PNG");
            std::fs::write(folder.join(format!("ipcr-serve-{name}.png.base64")), picture).unwrap();
            assert_eq!(page.value("document.documentElement.scrollWidth <= innerWidth"), true, "{name}");
            let back = page.value("getComputedStyle(document.body).backgroundColor");
            assert_eq!(back == "rgb(20, 23, 26)", scheme == "dark", "{name}: {back}");
        }

        // Nothing was loaded from elsewhere, nothing was refused by the policy, nothing failed.
        let address = format!("http://{}/", served.address);
        let requests: Vec<&Value> = page
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent")
            .map(|event| &event["params"]["request"]["url"])
            .collect();
        assert!(requests.len() > 4);
        let own = |url: &str| url.starts_with(&address) || url == "data:,";
        assert!(requests.iter().all(|url| own(url.as_str().unwrap())), "{requests:?}");
        let wrong = |event: &&Value| {
            ["Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"]
                .iter()
                .any(|method| event["method"] == *method)
        };
        let wrong: Vec<&Value> = page.events.iter().filter(wrong).collect();
        assert!(wrong.is_empty(), "{wrong:?}");

        // When the program has ended, the page says that what it shows is old.
        assert_eq!(served.end(), Some(130));
        page.until("document.querySelector('[role=status]').textContent.startsWith('ipcr does not answer.')");
        assert_eq!(page.value("document.getElementById('channels').className"), "stale");
    });
}
