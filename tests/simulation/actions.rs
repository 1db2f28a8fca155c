//! What people and the world do: clients join, leave and send, the network and the gateway fail.

use std::time::Duration;

use channel_layers::gateway::session::Input;

use super::client::group_name;
use super::network::Way;
use super::world::{Event, GROUPS, World};

impl World {
    pub(super) fn act(&mut self, at: usize) {
        if !self.bad() || self.clients[at].closed {
            return;
        }
        let group = self.random.usize(0..GROUPS);
        match self.random.u32(0..1000) {
            0..=149 => self.join(at, group),
            150..=199 => self.leave(at, group),
            200..=959 => self.group_send(at, group),
            960..=979 => self.cancel(at),
            980..=997 => self.clients[at].session.wake(self.now),
            _ => {
                self.clients[at].closed = true;
                self.clients[at].session.close();
            }
        }
        self.after_client(at);
        let pause = Duration::from_millis(self.random.u64(1..700));
        self.later(pause, Event::Act(at));
    }

    fn join(&mut self, at: usize, group: usize) {
        let client = &mut self.clients[at];
        if !client.wants(group) {
            let id = client.session.open_group(&group_name(group), self.now).expect("the session is open");
            client.wanted.insert(group, id);
        }
        if let Ok(request) = client.session.join(client.wanted[&group], self.now) {
            client.open_requests.insert(request, None);
        }
    }

    fn leave(&mut self, at: usize, group: usize) {
        let client = &mut self.clients[at];
        if let Some(id) = client.wanted.remove(&group) {
            client.joined.remove(&id);
            let request = client.session.leave(id, self.now).expect("the group is open");
            client.open_requests.insert(request, None);
            if let Some(link) = client.link {
                self.ledger.forgive_group(link, group);
            }
        }
    }

    pub(super) fn group_send(&mut self, at: usize, group: usize) {
        let client = &mut self.clients[at];
        let note = client.next_note(at, group);
        match client.session.group_send(&group_name(group), &note.message(), self.now) {
            Ok(request) => {
                client.open_requests.insert(request, Some(note));
            }
            Err(_) => self.ledger.totals.failed_requests += 1,
        }
    }

    fn cancel(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let requests: Vec<_> = client.open_requests.keys().copied().collect();
        if let Some(&request) = self.random.choice(&requests) {
            client.open_requests.remove(&request);
            client.session.cancel(request);
        }
    }

    pub(super) fn fault(&mut self) {
        if !self.bad() {
            return;
        }
        match self.random.u32(0..100) {
            0..=59 => {
                let open: Vec<_> = (0..self.links.len()).filter(|&at| self.links[at].gateway_end).collect();
                if let Some(&link) = self.random.choice(&open) {
                    self.cut(link);
                }
            }
            60..=69 => self.restart(false),
            70..=79 => self.restart(true),
            _ => self.expel(),
        }
        let pause = Duration::from_millis(self.random.u64(100..8_000));
        self.later(pause, Event::Fault);
    }

    fn restart(&mut self, graceful: bool) {
        self.note(|| format!("the gateway restarts, graceful: {graceful}"));
        self.ledger.totals.restarts += 1;
        if graceful {
            for link in self.gateway.links() {
                let wait = Duration::from_millis(self.random.u64(0..2_000));
                let effect = self.gateway.handle(link, Input::Shutdown(wait), self.now);
                self.after_gateway(link, effect);
            }
        }
        for link in self.gateway.kill() {
            self.links[link].gateway_end = false;
            self.waiting.remove(&link);
            self.ledger.forgive(link);
            let wait = Duration::from_millis(self.random.u64(0..3_000));
            self.later(wait, Event::Notice(link, Way::Down));
        }
        let wait = Duration::from_millis(self.random.u64(0..6_000));
        self.later(wait, Event::Restart);
    }

    fn expel(&mut self) {
        let group = self.random.usize(0..GROUPS);
        let links = self.gateway.links();
        if let Some(&link) = self.random.choice(&links)
            && let Some(effect) = self.gateway.expel(link, &group_name(group), self.now)
        {
            self.ledger.totals.expulsions += 1;
            self.after_gateway(link, effect);
        }
    }
}
