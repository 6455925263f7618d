//! Reads chunks: each record by its plan where there is one, over tree and JSON where there is none.

use model::{EventHead, Raw, Reject, RejectReason, Render, Sink};

use super::budget::Budget;
use super::chunk::{Frame, HEADER_BYTES, Step, Walk};
use super::cursor::{Flaw, Result};
use super::definitions::Definitions;
use super::fields::{Body, Filling, Head, Inner, Lists, single_instance};
use super::json;
use super::plan::Plan;
use super::tree::{Builder, Element, Node};
use super::value::Slot;
use super::{CHUNK_BYTES, CHUNK_MAGIC};
use crate::block::Lines;
use crate::jsonl;

/// Reads the chunks of event logs. What it keeps from chunk to chunk saves time and changes nothing.
#[derive(Debug, Default)]
pub struct Reader {
    definitions: Definitions,
    slots: Vec<Slot>,
    text: Vec<u8>,
    lists: Lists,
}

impl Reader {
    /// Hands on every record of a chunk, and a reject for all that could not be read. `bytes` are 64 KiB, less at the
    /// cut end of a file; `offset` is where they begin in it.
    pub fn chunk(&mut self, bytes: &[u8], offset: u64, sink: &mut dyn Sink) -> Lines {
        let mut count = Lines::default();
        if bytes.iter().all(|byte| *byte == 0) {
            count.blanks = 1;
            return count;
        }
        self.definitions.begin_chunk();
        let flaw = if !bytes.starts_with(CHUNK_MAGIC) {
            Some(RejectReason::Damaged("the chunk does not begin like one"))
        } else if bytes.len() < HEADER_BYTES {
            Some(RejectReason::Truncated)
        } else {
            self.records(bytes.get(..CHUNK_BYTES).unwrap_or(bytes), offset, &mut count, sink)
        };
        if let Some(reason) = flaw {
            count.rejected += 1;
            sink.reject(Reject { record: 0, offset, reason });
        }
        count
    }

    /// Hands on the records. What is wrong with the chunk as a whole is handed back.
    fn records(&mut self, chunk: &[u8], offset: u64, count: &mut Lines, sink: &mut dyn Sink) -> Option<RejectReason> {
        let walk = Walk::new(chunk)?;
        let is_sound = walk.is_sound();
        let mut budget = Budget::of_chunk();
        for step in walk {
            let outcome = match step {
                Step::Record(frame) => self.record(Record { chunk, frame, offset }, &mut budget, sink),
                Step::Gap(at) => Err(Reject {
                    record: 0,
                    offset: offset + at as u64,
                    reason: RejectReason::Damaged("a record cannot be found where one belongs"),
                }),
            };
            match outcome {
                Ok(()) => count.events += 1,
                Err(reject) => {
                    count.rejected += 1;
                    sink.reject(reject);
                }
            }
        }
        match () {
            () if chunk.len() < CHUNK_BYTES => Some(RejectReason::Truncated),
            () if !is_sound => {
                Some(RejectReason::Damaged("the chunk was altered, or copied while in use: wrong checksum"))
            }
            () => None,
        }
    }

    fn record(
        &mut self,
        record: Record<'_>,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> std::result::Result<(), Reject> {
        let before = budget.of_record();
        let mut left = before;
        let mut wants = None;
        let outcome = match self.by_plan(record, &mut wants, &mut left, sink) {
            Ok(true) => Ok(true),
            Ok(false) => self.by_tree(record, wants, &mut left, sink),
            Err(flaw) => Err(flaw),
        };
        budget.settle(&before, &left);
        let reason = match outcome {
            Ok(true) => return Ok(()),
            Ok(false) => RejectReason::NotAnEvent,
            Err(Flaw::Damaged) => RejectReason::Damaged("a record cannot be read"),
            Err(Flaw::TooMuch) => RejectReason::Damaged("the chunk holds more than a chunk can hold"),
        };
        Err(Reject { record: record.frame.id, offset: record.offset(), reason })
    }

    /// Reads a record that is one template instance with a plan; false for any other. `wants` is what the sink said.
    fn by_plan(
        &mut self,
        record: Record<'_>,
        wants: &mut Option<bool>,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let Self { definitions, slots, text, lists } = self;
        let chunk = record.chunk;
        slots.clear();
        text.clear();
        let (start, end) = record.frame.content();
        let Some(definition) = single_instance(chunk, start, end, slots)? else { return Ok(false) };
        let plan = definitions.plan(chunk, definition, budget)?;
        let Plan::Event(event) = &*plan else { return Ok(false) };
        let Some(head) = Head::read(&event.system, &mut Filling { chunk, slots, text }) else { return Ok(false) };
        let is_wanted = *wants.insert(head.is_wanted(text, sink));
        let inner = if is_wanted { Inner::read(event, chunk, slots, definitions, budget)? } else { None };
        let body = match &inner {
            Some(None) => return Ok(false),
            _ if !is_wanted => Some(Body::default()),
            inner => {
                let inner = inner.as_ref().and_then(Option::as_ref);
                Body::read(event, inner, &mut Filling { chunk, slots, text }, lists)
            }
        };
        match body {
            Some(body) => record.hand_on(&head, body, text, lists, budget, sink),
            None => Ok(false),
        }
    }

    /// Reads any other record; false where it is no event.
    fn by_tree(
        &mut self,
        record: Record<'_>,
        mut wants: Option<bool>,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let (start, end) = record.frame.content();
        let root = Builder::new(record.chunk, budget).record(start, end)?;
        // An element is a template without values.
        if let Plan::Event(event) = Plan::of(&root) {
            let Self { text, lists, .. } = self;
            text.clear();
            let mut filling = Filling { chunk: record.chunk, slots: &[], text };
            if let Some(head) = Head::read(&event.system, &mut filling) {
                let is_wanted = *wants.get_or_insert_with(|| head.is_wanted(filling.text, sink));
                let body = match is_wanted {
                    true => Body::read(&event, None, &mut filling, lists),
                    false => Some(Body::default()),
                };
                if let Some(body) = body {
                    return record.hand_on(&head, body, text, lists, budget, sink);
                }
            }
        }
        record.by_json(root, wants, budget, sink)
    }
}

/// A record and the chunk that it needs to be read.
#[derive(Clone, Copy)]
struct Record<'c> {
    chunk: &'c [u8],
    frame: Frame,
    /// Of the chunk in the file.
    offset: u64,
}

impl Record<'_> {
    fn offset(&self) -> u64 {
        self.offset + self.frame.start as u64
    }

    /// Hands on what was read; false where it is no event.
    fn hand_on(
        &self,
        head: &Head<'_>,
        body: Body<'_>,
        text: &[u8],
        lists: &mut Lists,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let Ok(text) = std::str::from_utf8(text) else { return Ok(false) };
        budget.spend(body.cost() + 1, text.len())?;
        let Some(mut event) = body.draft(head, text, lists).finish(self.frame.id, self.offset(), Raw::Rendered(self))
        else {
            return Ok(false);
        };
        event.time = event.time.or(self.frame.time);
        sink.event(&event);
        lists.take_back(event.fields);
        Ok(true)
    }

    /// Reads any record by way of its JSON; false where it is no event.
    fn by_json(
        &self,
        mut root: Element,
        wants: Option<bool>,
        budget: &mut Budget,
        sink: &mut dyn Sink,
    ) -> Result<bool> {
        let json = json::write(&root, budget)?;
        let Some(mut event) = self.event(&json) else { return Ok(false) };
        let wants = wants.unwrap_or_else(|| {
            sink.wants_data(&EventHead {
                channel: &event.channel,
                provider: &event.provider,
                event_id: event.event_id,
                computer: &event.computer,
            })
        });
        let bare;
        if !wants {
            root.children.retain(|node| matches!(node, Node::Element(element) if element.name == "System"));
            bare = json::write(&root, budget)?;
            let Some(without_data) = self.event(&bare) else { return Ok(false) };
            event = without_data;
        }
        event.time = event.time.or(self.frame.time);
        sink.event(&event);
        Ok(true)
    }

    fn event<'a>(&'a self, json: &'a [u8]) -> Option<model::WindowsEvent<'a>> {
        jsonl::parse(json, self.frame.id, self.offset(), Raw::Rendered(self)).ok()
    }

    fn json(&self, budget: &mut Budget) -> Result<Vec<u8>> {
        let (start, end) = self.frame.content();
        let root = Builder::new(self.chunk, budget).record(start, end)?;
        json::write(&root, budget)
    }
}

impl Render for Record<'_> {
    /// The record as JSON. One that was read by its plan but is more than JSON may become is named by its id.
    fn render(&self) -> Vec<u8> {
        self.json(&mut Budget::of_chunk().of_record()).unwrap_or_else(|_| {
            format!("{{\"Event\":{{\"System\":{{\"EventRecordID\":{}}}}}}}", self.frame.id).into_bytes()
        })
    }
}
