//! Brain: who watches, and whose a datagram is.
//!
//! All viewers send to one port. A STUN request names the viewer by the part of its user name that we gave out
//! (RFC 8445 section 7.2.2); everything else is known by the address it comes from, which a viewer has once we have
//! answered a request of his, that is, once his password was right. `H` is the handle of the viewer's task.

use std::collections::HashMap;

use tarsier_live::fanout::StreamId;

use crate::place::Place;

/// So many watch at the same time (guess: four windows with 64 cameras each; a session costs some 100 kB).
pub const MAX_SESSIONS: usize = 256;
/// A browser tries each of its networks.
const MAX_ADDRESSES: usize = 16;

/// Names a session in its URL: 128 bits of chance, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// From chance.
    pub fn from_chance(chance: u128) -> Self {
        Self(format!("{chance:032x}"))
    }

    /// From a URL; what is no id names no session.
    pub fn from_url(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What it was made of, if it was.
    pub fn chance(&self) -> Option<u128> {
        let chance = u128::from_str_radix(&self.0, 16).ok()?;
        (*self == Self::from_chance(chance)).then_some(chance)
    }

    /// As it stands in the URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// There are too many, and all of them are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Debug)]
struct Entry<H> {
    stream: StreamId,
    etag: String,
    ufrag: String,
    places: Vec<Place>,
    /// Who came first has the lowest.
    number: u64,
    handle: H,
}

/// What a newcomer brings.
#[derive(Debug)]
pub(crate) struct Newcomer<H> {
    pub(crate) stream: StreamId,
    pub(crate) etag: String,
    pub(crate) ufrag: String,
    pub(crate) handle: H,
}

/// The brain.
#[derive(Debug)]
pub(crate) struct Table<H> {
    sessions: HashMap<SessionId, Entry<H>>,
    by_ufrag: HashMap<String, SessionId>,
    by_place: HashMap<Place, SessionId>,
    next: u64,
}

impl<H> Default for Table<H> {
    fn default() -> Self {
        let (by_ufrag, by_place) = (HashMap::new(), HashMap::new());
        Self { sessions: HashMap::new(), by_ufrag, by_place, next: 0 }
    }
}

impl<H> Table<H> {
    /// Whether one more finds room.
    pub(crate) fn has_room(&self) -> bool {
        self.sessions.len() < MAX_SESSIONS || self.absent().is_some()
    }

    /// Who was asked in longest ago of those who have not come: he makes room for others.
    fn absent(&self) -> Option<&SessionId> {
        let absent = self.sessions.iter().filter(|(_, entry)| entry.places.is_empty());
        absent.min_by_key(|(_, entry)| entry.number).map(|(id, _)| id)
    }

    pub(crate) fn add(&mut self, id: SessionId, newcomer: Newcomer<H>) -> Result<(), Full> {
        if self.sessions.len() >= MAX_SESSIONS {
            let absent = self.absent().cloned().ok_or(Full)?;
            self.remove(&absent);
        }
        let Newcomer { stream, etag, ufrag, handle } = newcomer;
        self.by_ufrag.insert(ufrag.clone(), id.clone());
        let (places, number) = (Vec::new(), self.next);
        self.next += 1;
        self.sessions.insert(id, Entry { stream, etag, ufrag, places, number, handle });
        Ok(())
    }

    /// The session is over. Dropping its handle is what ends its task.
    pub(crate) fn remove(&mut self, id: &SessionId) -> Option<H> {
        let entry = self.sessions.remove(id)?;
        self.by_ufrag.remove(&entry.ufrag);
        self.by_place.retain(|_, holder| holder != id);
        Some(entry.handle)
    }

    /// All of a stream are over.
    pub(crate) fn remove_stream(&mut self, stream: &StreamId) {
        let of_stream =
            |(id, entry): (&SessionId, &Entry<H>)| (entry.stream == *stream).then(|| id.clone());
        for id in self.sessions.iter().filter_map(of_stream).collect::<Vec<_>>() {
            self.remove(&id);
        }
    }

    /// All are over.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// We have answered somebody at this place for that session.
    pub(crate) fn answered(&mut self, id: &SessionId, place: Place) {
        let Some(entry) = self.sessions.get_mut(id) else { return };
        if self.by_place.get(&place) == Some(id) {
            return;
        }
        if entry.places.len() == MAX_ADDRESSES {
            let oldest = entry.places.remove(0);
            if self.by_place.get(&oldest) == Some(id) {
                self.by_place.remove(&oldest);
            }
        }
        entry.places.push(place);
        self.by_place.insert(place, id.clone());
    }

    /// Whose a datagram is. `ufrag` is our part of a STUN request's user name.
    pub(crate) fn route(&self, source: Place, ufrag: Option<&str>) -> Option<&H> {
        let id = match ufrag {
            Some(ufrag) => self.by_ufrag.get(ufrag),
            None => self.by_place.get(&source),
        };
        self.sessions.get(id?).map(|entry| &entry.handle)
    }

    /// The session of that id, if it shows that stream: handle, entity tag and user fragment.
    pub(crate) fn find(&self, id: &SessionId, stream: &StreamId) -> Option<(&H, &str, &str)> {
        let entry = self.sessions.get(id).filter(|entry| entry.stream == *stream)?;
        Some((&entry.handle, &entry.etag, &entry.ufrag))
    }
}

#[cfg(test)]
mod tests {
    use tarsier_types::{CameraId, StreamKind};

    use super::*;
    use crate::place::Over;

    fn id(number: u128) -> SessionId {
        SessionId::from_chance(number)
    }

    fn stream(name: &str) -> StreamId {
        (CameraId::new(name).unwrap(), StreamKind::Main.into())
    }

    fn address(port: u16) -> Place {
        Place { over: Over::Udp, address: ([127, 0, 0, 1], port).into() }
    }

    fn newcomer(ufrag: &str, handle: u32) -> Newcomer<u32> {
        Newcomer {
            stream: stream("garden"),
            etag: "\"1\"".to_owned(),
            ufrag: ufrag.to_owned(),
            handle,
        }
    }

    #[test]
    fn a_request_is_known_by_its_name_and_the_rest_by_its_address() {
        let mut table = Table::default();
        table.add(id(1), newcomer("one", 1)).unwrap();
        table.add(id(2), newcomer("two", 2)).unwrap();
        assert_eq!(table.route(address(1000), Some("two")), Some(&2));
        assert_eq!(table.route(address(1000), None), None, "not before we have answered him");
        table.answered(&id(2), address(1000));
        assert_eq!(table.route(address(1000), None), Some(&2));
        assert_eq!(table.route(address(1000), Some("one")), Some(&1), "a name beats an address");
        table.answered(&id(1), address(1000));
        assert_eq!(table.route(address(1000), None), Some(&1), "the port was given to another");
        assert_eq!(table.route(address(1000), Some("three")), None);
        let tcp = Place { over: Over::Tcp, ..address(1000) };
        assert_eq!(table.route(tcp, None), None, "the same port of another protocol");
    }

    #[test]
    fn a_name_tells_the_chance_that_it_was_made_of() {
        assert_eq!(id(7).chance(), Some(7));
        for other in ["", "7", "+0000000000000000000000000000007", "x"] {
            assert_eq!(SessionId::from_url(other).chance(), None, "{other:?}");
        }
    }

    #[test]
    fn nothing_of_a_session_is_left_behind() {
        let mut table = Table::default();
        table.add(id(1), newcomer("one", 1)).unwrap();
        for port in 1..=40 {
            table.answered(&id(1), address(port));
        }
        assert_eq!(table.by_place.len(), MAX_ADDRESSES, "an address costs memory");
        assert_eq!(table.remove(&id(1)), Some(1));
        table.answered(&id(1), address(7));
        table.add(id(2), newcomer("two", 2)).unwrap();
        table.remove_stream(&stream("gate"));
        assert!(table.find(&id(2), &stream("garden")).is_some(), "of another camera");
        table.remove_stream(&stream("garden"));
        assert!(table.by_place.is_empty() && table.by_ufrag.is_empty());
        assert_eq!(table.remove(&id(1)), None);
    }

    #[test]
    fn a_session_is_found_under_its_own_camera_alone() {
        let mut table = Table::default();
        table.add(id(1), newcomer("one", 1)).unwrap();
        assert_eq!(table.find(&id(1), &stream("garden")), Some((&1, "\"1\"", "one")));
        assert_eq!(table.find(&id(1), &stream("gate")), None, "a token for another camera");
        assert_eq!(table.find(&SessionId::from_url("../x"), &stream("garden")), None);
    }

    #[test]
    fn there_is_an_end_to_the_number() {
        let mut table = Table::default();
        for number in 0..u16::try_from(MAX_SESSIONS).unwrap() {
            table.add(id(number.into()), newcomer(&format!("u{number}"), 0)).unwrap();
            table.answered(&id(number.into()), address(number));
        }
        assert!(!table.has_room());
        assert_eq!(table.add(id(9999), newcomer("more", 0)), Err(Full));
        table.remove(&id(3));
        assert_eq!(table.add(id(9999), newcomer("more", 0)), Ok(()));
    }

    #[test]
    fn a_crowd_that_is_asked_in_and_never_comes_keeps_nobody_out() {
        let mut table = Table::default();
        table.add(id(1), newcomer("there", 1)).unwrap();
        table.answered(&id(1), address(7));
        for number in 2..3000 {
            assert!(table.has_room());
            table.add(id(number), newcomer(&format!("u{number}"), 0)).unwrap();
        }
        assert_eq!((table.sessions.len(), table.by_ufrag.len()), (MAX_SESSIONS, MAX_SESSIONS));
        assert_eq!(table.route(address(7), None), Some(&1), "who is there stays");
        assert_eq!(table.route(address(8), Some("u2999")), Some(&0), "and who came last");
    }
}
