//! The rules of RFC 8216bis for a live playlist with parts, for tests: each playlist by itself, and each against the one
//! before. Written from the specification and not from the code that it judges; journeys use this file, too.

/// A part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// Seconds.
    pub(crate) duration: f64,
    /// Where it is.
    pub(crate) uri: String,
    /// A player may begin with it.
    pub(crate) is_independent: bool,
}

/// A segment, or what there is of the last one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment {
    /// Media sequence number.
    pub(crate) number: u64,
    /// Whether `EXT-X-DISCONTINUITY` stands before it.
    pub(crate) is_discontinuous: bool,
    /// `EXT-X-MAP`
    pub(crate) map: String,
    /// `EXT-X-PROGRAM-DATE-TIME`
    pub(crate) date: String,
    /// As far as they are listed.
    pub(crate) parts: Vec<Part>,
    /// `EXTINF` and URI, once it is whole.
    pub(crate) whole: Option<(f64, String)>,
}

/// A media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Playlist {
    /// `EXT-X-TARGETDURATION`
    pub(crate) target: f64,
    /// `PART-TARGET`
    pub(crate) part_target: f64,
    /// `EXT-X-SERVER-CONTROL`
    pub(crate) control: String,
    /// `EXT-X-DISCONTINUITY-SEQUENCE`
    pub(crate) discontinuities: u64,
    /// In order; the last one may be open.
    pub(crate) segments: Vec<Segment>,
    /// `EXT-X-PRELOAD-HINT`
    pub(crate) hint: Option<String>,
    /// `EXT-X-RENDITION-REPORT`
    pub(crate) reports: Vec<String>,
    /// `EXT-X-ENDLIST`
    pub(crate) is_ended: bool,
}

fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while let Some((key, value)) = rest.split_once('=') {
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        if key == name {
            return Some(value);
        }
        rest = after.trim_start_matches(',');
    }
    None
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn wanted<'a>(list: &'a str, name: &str) -> Result<&'a str, String> {
    attribute(list, name).ok_or_else(|| format!("no {name} in {list}"))
}

/// How pictures come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rhythm {
    /// At one pace: then no part is shorter than 85 % of the target, but for the last of a segment.
    Steady,
    /// With pauses: no server can keep that rule then, unless it falsifies times.
    Uneven,
}

/// Reads a playlist, and says what is wrong with it.
pub(crate) fn read(text: &str, rhythm: Rhythm) -> Result<Playlist, String> {
    let mut lines = text.lines();
    (lines.next() == Some("#EXTM3U")).then_some(()).ok_or("it does not begin with #EXTM3U")?;
    let mut playlist = Playlist::default();
    let (mut first, mut open, mut map, mut length) =
        (None, Segment::default(), String::new(), None);
    for line in lines {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => {
                (number::<u32>(value)? >= 6).then_some(()).ok_or("EXT-X-MAP asks for version 6")?;
            }
            "#EXT-X-TARGETDURATION" => playlist.target = f64::from(number::<u32>(value)?),
            "#EXT-X-SERVER-CONTROL" => value.clone_into(&mut playlist.control),
            "#EXT-X-PART-INF" => playlist.part_target = number(wanted(value, "PART-TARGET")?)?,
            "#EXT-X-MEDIA-SEQUENCE" => first = Some(number::<u64>(value)?),
            "#EXT-X-DISCONTINUITY-SEQUENCE" => playlist.discontinuities = number(value)?,
            "#EXT-X-DISCONTINUITY" => open.is_discontinuous = true,
            "#EXT-X-MAP" => wanted(value, "URI")?.clone_into(&mut map),
            "#EXT-X-PROGRAM-DATE-TIME" => value.clone_into(&mut open.date),
            "#EXT-X-PART" => open.parts.push(Part {
                duration: number(wanted(value, "DURATION")?)?,
                uri: wanted(value, "URI")?.to_owned(),
                is_independent: attribute(value, "INDEPENDENT") == Some("YES"),
            }),
            "#EXTINF" => length = Some(number(value.trim_end_matches(','))?),
            "#EXT-X-PRELOAD-HINT" => {
                (wanted(value, "TYPE")? == "PART").then_some(()).ok_or("a hint of another kind")?;
                playlist.hint = Some(wanted(value, "URI")?.to_owned());
            }
            "#EXT-X-RENDITION-REPORT" => {
                number::<u64>(wanted(value, "LAST-MSN")?)?;
                number::<u64>(wanted(value, "LAST-PART")?)?;
                playlist.reports.push(wanted(value, "URI")?.to_owned());
            }
            "#EXT-X-ENDLIST" => playlist.is_ended = true,
            _ if line.starts_with('#') => return Err(format!("nobody expects {line}")),
            _ => {
                let length = length.take().ok_or_else(|| format!("no EXTINF before {line}"))?;
                open.whole = Some((length, line.to_owned()));
                open.map.clone_from(&map);
                playlist.segments.push(std::mem::take(&mut open));
            }
        }
    }
    if !open.parts.is_empty() {
        open.map = map;
        playlist.segments.push(open);
    }
    let first = first.ok_or("no EXT-X-MEDIA-SEQUENCE")?;
    for (segment, number) in playlist.segments.iter_mut().zip(first..) {
        segment.number = number;
    }
    playlist.check(rhythm)?;
    Ok(playlist)
}

impl Playlist {
    /// Seconds of the whole segments.
    pub(crate) fn whole_duration(&self) -> f64 {
        self.segments.iter().filter_map(|it| it.whole.as_ref()).map(|whole| whole.0).sum()
    }

    fn check(&self, rhythm: Rhythm) -> Result<(), String> {
        let rule = |holds: bool, words: String| if holds { Ok(()) } else { Err(words) };
        rule(self.target >= 1.0 && self.part_target > 0.0, "no target durations".into())?;
        let blocks = attribute(&self.control, "CAN-BLOCK-RELOAD") == Some("YES");
        rule(blocks, format!("no blocking reload: {}", self.control))?;
        let back: f64 = number(wanted(&self.control, "PART-HOLD-BACK")?)?;
        rule(back >= 3.0 * self.part_target - 1e-6, format!("PART-HOLD-BACK of {back}"))?;
        let mut uris = std::collections::HashSet::new();
        let end: f64 = self.segments.iter().map(Segment::duration).sum();
        let mut reached = 0.0;
        for segment in &self.segments {
            let at = format!("segment {}", segment.number);
            rule(!segment.map.is_empty(), format!("{at}: no EXT-X-MAP"))?;
            rule(segment.date.ends_with('Z'), format!("{at}: no date: {:?}", segment.date))?;
            reached += segment.duration();
            let is_near = end - reached < 3.0 * self.target - 1e-3;
            rule(!is_near || !segment.parts.is_empty(), format!("{at}: no parts near the end"))?;
            if let Some((length, uri)) = &segment.whole {
                rule(length.round() <= self.target, format!("{at}: {length} s are too long"))?;
                rule(uris.insert(uri.clone()), format!("{uri} twice"))?;
                let sum: f64 = segment.parts.iter().map(|part| part.duration).sum();
                let is_sum = segment.parts.is_empty() || (sum - length).abs() < 1e-3;
                rule(is_sum, format!("{at}: {length} s, its parts {sum} s"))?;
            }
            for (n, part) in segment.parts.iter().enumerate() {
                rule(uris.insert(part.uri.clone()), format!("{} twice", part.uri))?;
                let (duration, target) = (part.duration, self.part_target);
                rule(duration <= target + 1e-6, format!("{at}: a part of {duration} s"))?;
                let is_last = segment.whole.is_some() && n + 1 == segment.parts.len();
                let is_long = rhythm == Rhythm::Uneven || duration >= 0.85 * target - 1e-6;
                rule(is_last || is_long, format!("{at}: a part of {duration} s alone"))?;
                rule(n > 0 || part.is_independent, format!("{at} begins without a keyframe"))?;
            }
        }
        let hint = self.hint.as_ref();
        rule(hint.is_some() != self.is_ended, "a hint, or else an end".into())?;
        rule(hint.is_none_or(|hint| !uris.contains(hint)), format!("{hint:?} is there already"))
    }

    /// What may not change, and what may only grow.
    pub(crate) fn follows(&self, before: &Self) -> Result<(), String> {
        let rule = |holds: bool, words: String| if holds { Ok(()) } else { Err(words) };
        let heads = (self.target, self.part_target, &self.control);
        let same = heads == (before.target, before.part_target, &before.control);
        rule(same, format!("the head has changed: {heads:?}"))?;
        let number = |list: &Self| list.segments.first().map_or(0, |segment| segment.number);
        let (old, new) = (number(before), number(self));
        rule(new >= old, format!("media sequence {new} after {old}"))?;
        let gone = before.segments.iter().filter(|it| it.number < new && it.is_discontinuous);
        let (now, gone) = (self.discontinuities, u64::try_from(gone.count()).unwrap_or(0));
        rule(now == before.discontinuities + gone, format!("{now} discontinuities, {gone} gone"))?;
        let is_long = new == old || self.whole_duration() >= 3.0 * self.target - 1e-3;
        rule(is_long, "less than three target durations are left".into())?;
        for was in before.segments.iter().filter(|segment| segment.number >= new) {
            let at = format!("segment {}", was.number);
            let is = self.segments.iter().find(|segment| segment.number == was.number);
            let is = is.ok_or_else(|| format!("{at} is gone"))?;
            let is_kept = was.whole.is_none() || is.whole == was.whole;
            let head = |it: &Segment| (it.is_discontinuous, it.map.clone(), it.date.clone());
            rule(is_kept && head(is) == head(was), format!("{at} has changed"))?;
            let parts = is.parts.is_empty() || is.parts.starts_with(&was.parts);
            rule(parts, format!("{at} has other parts"))?;
        }
        let known: Vec<&str> = before.parts().collect();
        let first_new = self.parts().find(|uri| {
            !known.contains(uri) && known.last().is_none_or(|_| self.is_behind(uri, &known))
        });
        let hint = before.hint.as_deref();
        rule(
            first_new.is_none() || first_new == hint,
            format!("{hint:?} was to come: {first_new:?}"),
        )
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(|segment| &segment.parts).map(|part| part.uri.as_str())
    }

    /// Whether the part stands behind those that were known.
    fn is_behind(&self, uri: &str, known: &[&str]) -> bool {
        let last = self.parts().position(|part| known.last() == Some(&part));
        self.parts().position(|part| part == uri) > last && last.is_some()
    }
}

impl Segment {
    /// Seconds, as far as it goes.
    pub(crate) fn duration(&self) -> f64 {
        let parts = || self.parts.iter().map(|part| part.duration).sum();
        self.whole.as_ref().map_or_else(parts, |whole| whole.0)
    }
}
