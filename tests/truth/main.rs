//! The sentence over the door, proven: panels with a known truth play two months in minutes while
//! whmeter is killed, stopped, continued and restarted at random and the panels fault at random. At the
//! end every total is the truth to the byte, less what nobody could have seen, and that is listed.
//!
//! The same seed plays the same story: `WHMETER_TRUTH_SEED=7 cargo test --test truth`. Where exactly a
//! kill strikes is up to the machine, and the totals must not depend on it.

#![allow(clippy::unwrap_used, missing_docs)]

mod beliefs;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // No test target uses all of it.
mod support;
mod world;

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use support::program::free_port;
use world::World;

/// How often the program is killed with -9.
const KILLS: u32 = 200;

/// How long the story is, in days.
const DAYS: i64 = 62;

struct Story {
    world: World,
    dice: StdRng,
    port: u16,
    kills: u32,
    /// How long a poll usually takes from start to end.
    usual: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_months_of_kills_and_faults_lose_no_byte_that_could_be_seen() {
    let seed =
        std::env::var("WHMETER_TRUTH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_121);
    println!("seed {seed}");
    let port = free_port();
    let world = World::new(seed, port).await;
    let dice = StdRng::seed_from_u64(seed);
    let mut story = Story { world, dice, port, kills: 0, usual: Duration::from_millis(200) };
    story.play().await;
    story.world.check_everything().await;
}

impl Story {
    async fn play(&mut self) {
        self.poll().await;
        self.world.take_in().await;
        let end = self.world.now() + DAYS * 86_400;
        let mut turn = 0;
        while self.world.now() < end || self.kills < KILLS {
            turn += 1;
            // Right after a look all was seen; later it is too late for some of it.
            let late = self.dice.random_bool(0.5);
            let happens = self.dice.random_bool(0.3);
            if happens && !late {
                self.world.something_happens(&mut self.dice).await;
            }
            let pause = self.pause();
            self.world.advance(pause);
            if happens && late {
                self.world.something_happens(&mut self.dice).await;
            }
            if self.dice.random_bool(0.3) {
                self.world.something_breaks(&mut self.dice);
            }
            match self.dice.random_range(0..100u32) {
                _ if turn % 60 == 0 => self.serve().await,
                0..65 => self.kill().await,
                _ => self.poll().await,
            }
            self.world.fix();
            self.world.take_in().await;
        }
        // What the panels can still tell, after everything is well again.
        self.world.advance(3600);
        self.poll().await;
        self.world.take_in().await;
        println!("{} turns, {} kills, {} events", turn, self.kills, self.world.happened.len());
        assert!(self.kills >= KILLS);
    }

    /// Mostly hours, sometimes minutes, now and then longer than days can be told apart.
    fn pause(&mut self) -> i64 {
        10 * match self.dice.random_range(0..100u32) {
            0..25 => self.dice.random_range(7..60),
            25..98 => self.dice.random_range(360..2900),
            _ => self.dice.random_range(9_000..11_000),
        }
    }

    async fn poll(&mut self) {
        let began = Instant::now();
        let ran = self.world.site.at(self.world.now(), &["poll"]).await;
        // A panel that faults fails the poll; the program itself may not.
        assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        self.usual = (self.usual * 3 + began.elapsed()) / 4;
    }

    /// Kills a poll somewhere between its start and its end.
    async fn kill(&mut self) {
        let mut command = self.world.site.command(&["poll"]);
        command.env("WHMETER_NOW", self.world.now().to_string());
        let mut child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        tokio::time::sleep(self.usual.mul_f64(self.dice.random_range(0.0..1.1))).await;
        if child.try_wait().unwrap().is_none() {
            child.start_kill().unwrap();
            self.kills += 1;
        }
        child.wait().await.unwrap();
        // Its lease is held by nobody: it has to run out.
        self.world.advance(70);
    }

    /// The daemon for a few ticks, stopped and continued, ended one way or the other.
    async fn serve(&mut self) {
        let clock = self.world.clock_file();
        let site = self.world.site.clone();
        let daemon = site.start_told(self.port, &clock);
        daemon.until("/-/ready", "ready", |got| got.status == 200).await;
        for _ in 0..4 {
            self.world.advance(1_900);
            tokio::time::sleep(Duration::from_millis(1200)).await;
            if self.dice.random_bool(0.3) {
                daemon.signal("-STOP");
                self.world.advance(4_000);
                tokio::time::sleep(Duration::from_millis(200)).await;
                daemon.signal("-CONT");
            }
        }
        if self.dice.random_bool(0.5) {
            daemon.stop().await;
        } else {
            daemon.kill().await;
            self.kills += 1;
            self.world.advance(70);
        }
    }
}
