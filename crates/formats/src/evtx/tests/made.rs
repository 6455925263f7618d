//! Made-up chunks: what the public logs lack, and what nobody but an attacker writes.

use model::{EventHead, Reject, RejectReason, Row, Sink, WindowsEvent};

use super::binxml::{Chunk, TICKS, What, Xml, seal, texts, utf16};
use super::oracle::{Event, Ours, theirs};
use crate::evtx::Reader;

fn read(chunk: &[u8]) -> Ours {
    let mut ours = Ours::default();
    let count = Reader::default().chunk(chunk, 0, &mut ours);
    assert_eq!((count.events, count.rejected), (ours.events.len() as u64, ours.rejects.len() as u64));
    ours
}

/// The events of a chunk that nothing is wrong with, and that the crate reads alike.
fn events(chunk: Chunk) -> Vec<Event> {
    let chunk = chunk.finish();
    let ours = read(&chunk);
    assert_eq!((&ours.rejects, &ours.raw_differs), (&vec![], &vec![]));
    assert_eq!(ours.events, theirs(&chunk));
    ours.events.into_values().collect()
}

fn event(write: impl FnOnce(&mut Xml<'_>)) -> Event {
    let mut chunk = Chunk::new();
    chunk.record(write);
    events(chunk).remove(0)
}

fn fields(event: &Event) -> Vec<(&str, &str)> {
    event.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn damaged(ours: &Ours) -> Vec<(u64, u64)> {
    ours.rejects.iter().map(|reject| (reject.record, reject.offset)).collect()
}

fn plain(xml: &mut Xml<'_>) {
    xml.element("Event", |xml| {
        xml.system("p", "c", "1");
    });
}

#[test]
fn system_fields_can_be_texts() {
    let seen = event(|xml| {
        xml.element("Event", |xml| {
            xml.element("System", |xml| {
                let name = ("Name", What::Text("Microsoft-Windows-Security-Auditing"));
                xml.element_if("Provider", None, &[name], |_| {});
                xml.element_if("EventID", None, &[("Qualifiers", What::Text("0"))], |xml| {
                    xml.what(&What::Text("1073746448"));
                });
                xml.leaf("Version", &What::Text("2")).leaf("Level", &What::Text("Information"));
                let time = ("SystemTime", What::Text("2021-03-03T05:43:22.3701239+01:00"));
                xml.element_if("TimeCreated", None, &[time], |_| {});
                xml.leaf("EventRecordID", &What::Text("77")).leaf("Channel", &What::Text("Security"));
                xml.leaf("Computer", &What::Text("exc01.example")).leaf("Task", &What::Text(""));
                xml.element_if("Security", None, &[("UserID", What::Text("S-1-5-18"))], |_| {});
            });
            xml.element("EventData", |xml| {
                xml.element_if("Data", None, &[("Name", What::Text("TargetUserName"))], |xml| {
                    let parts = [What::Text("a"), What::Entity("amp"), What::Character(0xE9), What::Cdata("<b>")];
                    parts.iter().for_each(|part| {
                        xml.what(part);
                    });
                });
                xml.element_if("Data", None, &[("Name", What::Text("Empty"))], |_| {});
            });
            xml.element("RenderingInfo", |xml| {
                xml.leaf("Message", &What::Text("An account …"));
            });
        });
    });
    assert_eq!((seen.event_id, seen.level, seen.channel.as_str()), (4_624, Some(4), "Security"));
    assert_eq!(seen.time.map(|time| time.to_string()).as_deref(), Some("2021-03-03T04:43:22.370123Z"));
    let expected = [
        ("TargetUserName", "a&é<b>"),
        ("Empty", ""),
        ("Message", "An account …"),
        ("EventRecordID", "77"),
        ("Version", "2"),
        ("UserID", "S-1-5-18"),
    ];
    assert_eq!(fields(&seen), expected);
}

/// The template of events without manifest, with data and binary data that need not be there.
fn classic(xml: &mut Xml<'_>) {
    xml.element("Event", |xml| {
        xml.system("MSExchange CmdletLogs", "MSExchange Management", "1");
        xml.element("EventData", |xml| {
            xml.element_if("Data", Some(0), &[], |xml| {
                xml.what(&What::Optional(0));
            });
            xml.element_if("Binary", Some(1), &[], |xml| {
                xml.what(&What::Optional(1));
            });
        });
    });
}

#[test]
fn cmdlets_of_exchange_are_lists_without_names() {
    let data = texts(&["New-MailboxExportRequest", "-Mailbox \"a\"", "", "x"]);
    let mut chunk = Chunk::new();
    let mut definition = 0;
    chunk.record(|xml| definition = xml.instance(1, classic, &[data, (0x00, vec![])]));
    chunk.record(|xml| {
        xml.instance_of(definition, &[texts(&["only"]), (0x0E, vec![0xAB, 0x01])]);
    });
    chunk.record(|xml| {
        xml.instance_of(definition, &[(0x00, vec![]), (0x0E, vec![])]);
    });
    // Fewer values than the template names.
    chunk.record(|xml| {
        xml.instance_of(definition, &[texts(&[])]);
    });
    let seen = events(chunk);
    let expected = [
        ("Data[0]", "New-MailboxExportRequest"),
        ("Data[1]", "-Mailbox \"a\""),
        ("Data[2]", ""),
        ("Data[3]", "x"),
        ("Data", "New-MailboxExportRequest\n-Mailbox \"a\"\n\nx"),
        ("Cmdlet", "New-MailboxExportRequest"),
        ("Parameters", "-Mailbox \"a\""),
    ];
    assert_eq!(fields(&seen[0]), expected);
    assert_eq!(fields(&seen[1]), [("Data[0]", "only"), ("Data", "only"), ("Binary", "AB01")]);
    assert_eq!(fields(&seen[2]), [("Binary", "")]);
    assert_eq!(fields(&seen[3]), [("Data[0]", ""), ("Data", ""), ("Binary", "")]);
}

#[test]
fn values_of_every_type_read_as_the_crate_reads_them() {
    let sid = [&[1, 2, 0, 0, 0, 0, 0, 5][..], &[32, 0, 0, 0, 0x20, 2, 0, 0]].concat();
    let system_time = [2_021_u16, 3, 3, 3, 4, 43, 22, 370].iter().flat_map(|part| part.to_le_bytes()).collect();
    let numbers = |kinds: &[u8], bytes: &[u8]| kinds.iter().map(|kind| (*kind, bytes.to_vec())).collect::<Vec<_>>();
    let mut values = vec![
        (0x01, [utf16("ä€\u{1F600}"), vec![0x00, 0xD8, b'x', 0], vec![0, 0, b'y', 0]].concat()),
        (0x01, utf16("plain")),
        (0x02, b"caf\xE9 \x80\x93\0".to_vec()),
        (0x0E, vec![0, 0xFF, 0x1A]),
        (0x0F, (1..=16).collect()),
        (0x11, TICKS.to_le_bytes().to_vec()),
        (0x11, u64::MAX.to_le_bytes().to_vec()),
        (0x11, 0_u64.to_le_bytes().to_vec()),
        (0x12, system_time),
        (0x12, vec![0; 16]),
        (0x13, sid.clone()),
        (0x93, [sid.clone(), sid].concat()),
        (0x0D, vec![1, 0, 0, 0]),
        (0x0D, vec![7, 0, 0, 0]),
        (0x8D, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        (0x82, b"a\0b\0".to_vec()),
        (0x00, vec![1, 2, 3]),
        texts(&["one"]),
        texts(&["a", "", "b"]),
    ];
    values.extend(numbers(&[0x03, 0x04], &[0x80]));
    values.extend(numbers(&[0x05, 0x06], &[0xFE, 0xFF]));
    values.extend(numbers(&[0x07, 0x08, 0x0B, 0x10, 0x14], &(-1.5_f32).to_le_bytes()));
    values.extend(numbers(&[0x09, 0x0A, 0x0C, 0x10, 0x15], &0.1_f64.to_le_bytes()));
    values.extend(numbers(&[0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x94, 0x95], &[7; 16]));
    values.extend(
        [1e30_f64, -0.0, 5e-324, f64::NAN, f64::INFINITY, 1e15, 1e16, 123_456.0]
            .map(|value| (0x0C, value.to_le_bytes().to_vec())),
    );
    let names: Vec<_> = (0..values.len()).map(|at| format!("V{at}")).collect();
    let define = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").element("EventData", |xml| {
                for (index, name) in (0..).zip(&names) {
                    let name = ("Name", What::Text(name));
                    xml.element_if("Data", None, &[name], |xml| {
                        xml.what(&What::Slot(index));
                    });
                }
            });
        });
    };
    let seen = event(|xml| {
        xml.instance(1, define, &values);
    });
    let value = |at: usize| seen.fields[at].1.as_str();
    assert_eq!((value(0), value(2)), ("ä€\u{1F600}\u{FFFD}x", "café €“"));
    assert_eq!((value(4), value(10)), ("{04030201-0605-0807-090a-0b0c0d0e0f10}", "S-1-5-32-544"));
    assert_eq!((value(5), value(18)), ("2021-03-03T04:43:22.3701230Z", "a\n\nb"));
    // Each by itself as well, so that lists do not send all of them the long way.
    for (kind, bytes) in &values {
        let define = |xml: &mut Xml<'_>| {
            xml.element("Event", |xml| {
                xml.system("p", "c", "1").element("EventData", |xml| {
                    let name = ("Name", What::Text("V"));
                    xml.element_if("Data", Some(0), &[name], |xml| {
                        xml.what(&What::Optional(0));
                    });
                });
            });
        };
        event(|xml| {
            xml.instance(1, define, &[(*kind, bytes.clone())]);
        });
    }
}

#[test]
fn data_of_every_shape_reads_as_the_crate_reads_it() {
    let named = |xml: &mut Xml<'_>, name: &str, text: &str| {
        xml.element_if("Data", None, &[("Name", What::Text(name))], |xml| {
            xml.what(&What::Text(text));
        });
    };
    let shapes: [&dyn Fn(&mut Xml<'_>); 9] = [
        &|xml| {
            ["x", "x", "y", "x"].iter().for_each(|name| named(xml, name, "v"));
            xml.leaf("Binary", &What::Text("00")).leaf("Binary", &What::Text("01"));
        },
        &|xml| ["Data", "xmlns", "#attributes", "Version", "version"].iter().for_each(|name| named(xml, name, "v")),
        &|xml| {
            xml.leaf("Data", &What::Text("a")).leaf("Other", &What::Text("o")).leaf("Data", &What::Text("b"));
        },
        &|xml| {
            xml.what(&What::Text("bare text"));
        },
        &|xml| {
            xml.element_if("Data", None, &[("Name", What::Text(""))], |xml| {
                xml.what(&What::Text("a"));
            });
        },
        &|xml| {
            xml.element("Complex", |xml| {
                xml.leaf("Inner", &What::Text("i")).leaf("Value", &What::Text("v"));
            });
        },
        &|xml| {
            xml.element_if("Other", None, &[("a", What::Text("b"))], |_| {});
        },
        &|xml| {
            xml.element("EventData", |xml| {
                xml.leaf("Data", &What::Text("inner"));
            });
        },
        &|_| {},
    ];
    for shape in shapes {
        for outer in ["EventData", "UserData"] {
            for wrapper in [None, Some("EventXML")] {
                event(|xml| {
                    xml.element("Event", |xml| {
                        xml.system("p", "c", "1").element(outer, |xml| match wrapper {
                            Some(name) => {
                                xml.element_if(name, None, &[("xmlns", What::Text("n"))], shape);
                            }
                            None => shape(xml),
                        });
                    });
                });
            }
        }
    }
}

#[test]
fn unnamed_data_beside_named_are_not_lost() {
    let mut chunk = Chunk::new();
    chunk.record(|xml| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").element("EventData", |xml| {
                xml.leaf("Data", &What::Text("a"));
                xml.element_if("Data", None, &[("Name", What::Text("n"))], |xml| {
                    xml.what(&What::Text("b"));
                });
                xml.leaf("Data", &What::Text("c"));
            });
        });
    });
    // The crate leaves the unnamed out.
    let ours = read(&chunk.finish());
    assert!(ours.rejects.is_empty() && ours.raw_differs.is_empty());
    let seen = ours.events.into_values().next().unwrap();
    assert_eq!(fields(&seen), [("Data[0]", "a"), ("Data[1]", "c"), ("Data", "a\nc"), ("n", "b")]);
}

#[test]
fn data_can_have_a_template_of_their_own() {
    let outer = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").what(&What::Optional(0));
        });
    };
    let user = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").element_if("UserData", Some(0), &[], |xml| {
                xml.what(&What::Optional(0));
            });
        });
    };
    let inner = |root: &'static str| {
        move |xml: &mut Xml<'_>| {
            xml.element(root, |xml| {
                xml.element_if("Param1", Some(0), &[], |xml| {
                    xml.what(&What::Slot(0));
                });
                xml.leaf("Param2", &What::Slot(1));
            });
        }
    };
    // The offsets in a value are those of the chunk, so it is written where it will stand.
    let nested = |define: &dyn Fn(&mut Xml<'_>), root: &'static str, first: (u8, Vec<u8>)| {
        let mut chunk = Chunk::new();
        chunk.record(|xml| {
            xml.instance(1, define, &[(0x21, vec![])]);
        });
        let mut definition = 0;
        chunk.record(|xml| {
            xml.element("Event", |xml| {
                xml.system("p", "c", "1");
                definition = xml.instance(2, inner(root), &[(0x01, utf16("z")), (0x06, vec![1, 0])]);
            });
        });
        let mut value = vec![0x0F, 1, 1, 0, 0x0C, 1, 1, 0, 0, 0];
        value.extend_from_slice(&definition.to_le_bytes());
        value.extend_from_slice(&2_u32.to_le_bytes());
        value.extend_from_slice(&u16::try_from(first.1.len()).unwrap().to_le_bytes());
        value.extend_from_slice(&[first.0, 0, 2, 0, 0x06, 0]);
        value.extend_from_slice(&first.1);
        value.extend_from_slice(&[9, 0, 0]);
        chunk.record(|xml| {
            xml.instance(1, define, &[(0x21, value)]);
        });
        let seen = events(chunk);
        seen[2].fields.clone()
    };
    let own = |list: Vec<(String, String)>| list.into_iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
    assert_eq!(own(nested(&outer, "EventData", (0x01, utf16("a")))), ["Param1=a", "Param2=9"]);
    assert_eq!(own(nested(&outer, "UserData", (0x00, vec![]))), ["Param2=9"]);
    assert_eq!(own(nested(&user, "EventXML", (0x01, utf16("a")))), ["Param1=a", "Param2=9"]);
    assert_eq!(own(nested(&user, "EventXML", texts(&["a", "b"]))), ["Param1=a", "Param1_1=b", "Param2=9"]);
    assert_eq!(own(nested(&outer, "DebugData", (0x01, utf16("a")))), [""; 0]);
    assert_eq!(own(nested(&user, "EventData", (0x01, utf16("a")))), ["Param1=a", "Param2=9"]);
}

#[test]
fn the_same_template_in_another_chunk_and_another_under_its_guid() {
    let define = |name: &'static str| {
        move |xml: &mut Xml<'_>| {
            xml.element("Event", |xml| {
                xml.system("p", "c", "1").element("EventData", |xml| {
                    xml.element_if("Data", None, &[("Name", What::Text("f"))], |xml| {
                        xml.what(&What::Slot(0));
                    });
                    xml.leaf(name, &What::Slot(0));
                });
            });
        }
    };
    let mut reader = Reader::default();
    for (padding, name) in [(0, "AA"), (7, "AA"), (0, "BB"), (7, "BB"), (3, "AA")] {
        let mut chunk = Chunk::new();
        // Shifts what follows.
        chunk.record(|xml| {
            xml.element("Event", |xml| {
                xml.system("p", "c", "1").leaf("x", &What::Text(&"x".repeat(padding)));
            });
        });
        chunk.record(|xml| {
            xml.instance(1, define(name), &[(0x01, utf16("v"))]);
        });
        let chunk = chunk.finish();
        let mut ours = Ours::default();
        reader.chunk(&chunk, 0, &mut ours);
        assert_eq!(ours.events, theirs(&chunk));
        let last = ours.events.into_values().next_back().unwrap();
        assert_eq!(fields(&last), [("f", "v"), (name, "v")]);
    }
}

/// Wants no data of one event id.
#[derive(Default)]
struct Quiet {
    heads: Vec<(String, String, u32, String)>,
    fields: Vec<Vec<String>>,
    raw: Vec<Vec<u8>>,
}

impl Sink for Quiet {
    fn row(&mut self, _: &Row<'_>) {}
    fn wants_data(&mut self, head: &EventHead<'_>) -> bool {
        self.heads.push((head.channel.into(), head.provider.into(), head.event_id, head.computer.into()));
        head.event_id == 1
    }
    fn event(&mut self, event: &WindowsEvent<'_>) {
        self.fields.push(event.fields.iter().map(|(name, _)| name.to_string()).collect());
        self.raw.push(event.raw.bytes().into_owned());
    }
    fn reject(&mut self, reject: Reject) {
        panic!("{reject:?}");
    }
}

#[test]
fn data_that_nobody_wants_are_not_read() {
    let define = |id: &'static str| {
        move |xml: &mut Xml<'_>| {
            xml.element("Event", |xml| {
                xml.element("System", |xml| {
                    xml.element_if("Provider", None, &[("Name", What::Text("p"))], |_| {});
                    xml.leaf("EventID", &What::Text(id)).leaf("Channel", &What::Text("c"));
                    xml.leaf("Task", &What::Text("3")).leaf("Computer", &What::Text("h"));
                });
                // A list as a named value takes the long way.
                xml.element("EventData", |xml| {
                    xml.element_if("Data", None, &[("Name", What::Text("f"))], |xml| {
                        xml.what(&What::Slot(0));
                    });
                });
            });
        }
    };
    let mut chunk = Chunk::new();
    for (id, value) in [("1", (0x01, utf16("v"))), ("2", (0x01, utf16("v"))), ("1", texts(&["v", "w"]))] {
        chunk.record(|xml| {
            xml.instance(1, define(id), &[value]);
        });
    }
    // No template at all.
    chunk.record(|xml| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "2").element("EventData", |xml| {
                xml.leaf("f", &What::Text("v"));
            });
        });
    });
    let chunk = chunk.finish();
    let mut quiet = Quiet::default();
    let _ = Reader::default().chunk(&chunk, 0, &mut quiet);
    let head = |id| ("c".to_owned(), "p".to_owned(), id, "h".to_owned());
    assert_eq!(quiet.heads[..3], [head(1), head(2), head(1)]);
    assert_eq!(quiet.heads.len(), 4, "each is asked for once");
    let data = vec!["f", "Task"];
    assert_eq!(quiet.fields, [data.clone(), vec!["Task"], data, vec![]]);
    assert!(quiet.raw[1].ends_with(b"\"EventData\":{\"f\":\"v\"}}}"), "what a person sees has the data");
}

#[test]
fn the_header_of_a_chunk_in_use_lags_behind() {
    let mut chunk = Chunk::new();
    (0..4).for_each(|_| {
        chunk.record(plain);
    });
    let bytes = chunk.finish_knowing(2);
    let ours = read(&bytes);
    assert_eq!((ours.events.len(), ours.rejects.len()), (4, 0));
    // What is left from before has a lower id, or stands elsewhere.
    let mut chunk = Chunk::new();
    (0..2).for_each(|_| {
        chunk.record_with_id(90 + chunk.records.len() as u64, plain);
    });
    chunk.record_with_id(50, plain);
    let ours = read(&chunk.finish_knowing(2));
    assert_eq!((ours.events.len(), ours.rejects.len()), (2, 0));
    // A damaged record among those that the header does not know costs itself.
    let mut chunk = Chunk::new();
    (0..6).for_each(|_| {
        chunk.record(plain);
    });
    let at = chunk.records[3];
    chunk.bytes[at + 4] ^= 0x55;
    let ours = read(&chunk.finish_knowing(2));
    assert_eq!((ours.events.len(), damaged(&ours)), (5, vec![(0, at as u64)]));
    // So it does among those that it knows, even the first; and a header that knows nothing right.
    for (damaged_at, last) in [(0, 6), (3, 6), (3, 2)] {
        let mut chunk = Chunk::new();
        (0..6).for_each(|_| {
            chunk.record(plain);
        });
        let at = chunk.records[damaged_at];
        chunk.bytes[at + 4..at + 8].fill(0xFF);
        let mut bytes = chunk.finish();
        bytes[32..40].copy_from_slice(&u64::to_le_bytes(last));
        seal(&mut bytes);
        let ours = read(&bytes);
        assert_eq!((ours.events.len(), damaged(&ours)), (5, vec![(0, at as u64)]), "{damaged_at} {last}");
    }
}

#[test]
fn a_damaged_header_costs_no_records() {
    let mut chunk = Chunk::new();
    (0..5).for_each(|_| {
        chunk.record(plain);
    });
    let whole = chunk.finish();
    for (at, value) in [(24, u64::MAX), (32, 0), (32, u64::MAX), (32, 2), (48, 0), (48, 600), (48, u64::MAX)] {
        let mut bytes = whole.clone();
        let length = if at == 48 { 4 } else { 8 };
        bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
        let ours = read(&bytes);
        assert_eq!(ours.events.len(), 5, "{at} {value}");
        assert_eq!(damaged(&ours), [(0, 0)], "the checksum tells");
    }
}

/// Where in the chunk a lie is told, by where record and definition stand, and the lie.
type Lie<'a> = (&'a dyn Fn(usize, u32) -> usize, u32);

#[test]
fn what_lies_about_itself_is_a_reject() {
    let define = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").leaf("x", &What::Slot(9));
        });
    };
    // Each costs the record that tells it.
    let lies: [Lie<'_>; 7] = [
        // Size of the definition.
        (&|_, definition| definition as usize + 20, u32::MAX),
        (&|_, definition| definition as usize + 20, 0),
        // Where the definition stands.
        (&|_, definition| definition as usize - 4, u32::MAX),
        (&|_, definition| definition as usize - 4, 0),
        // Where its first name stands.
        (&|_, definition| definition as usize + 24 + 4 + 1 + 2 + 4, u32::MAX),
        (&|_, definition| definition as usize + 24 + 4 + 1 + 2 + 4, 65_530),
        // Size of the record.
        (&|record, _| record + 4, 40),
    ];
    for (number, (at, value)) in lies.iter().enumerate() {
        let mut chunk = Chunk::new();
        let mut definition = 0;
        chunk.record(|xml| definition = xml.instance(1, define, &[]));
        chunk.record(plain);
        let at = at(chunk.records[0], definition);
        chunk.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let ours = read(&chunk.finish());
        assert_eq!(ours.events.len(), 1, "{number}: {:?}", ours.rejects);
        assert!(!ours.rejects.is_empty(), "{number}");
    }
    // The number of values, and the size of one.
    for (count, size) in [(u32::MAX, 0), (0x4000_0001, 0), (1, u16::MAX)] {
        let mut chunk = Chunk::new();
        chunk.record(|xml| {
            xml.instance(1, define, &[]);
        });
        let end = chunk.bytes.len() - 4 - 1 - 4;
        chunk.bytes[end..end + 4].copy_from_slice(&count.to_le_bytes());
        let mut bytes = chunk.finish();
        bytes[end + 4..end + 6].copy_from_slice(&size.to_le_bytes());
        let ours = read(&bytes);
        assert_eq!(ours.events.len(), 0);
    }
}

#[test]
fn what_refers_to_itself_ends() {
    // A definition whose constant value is an instance of that definition.
    let mut chunk = Chunk::new();
    chunk.record(|xml| {
        let definition = xml.at() + 10;
        xml.instance(
            1,
            |xml| {
                xml.element("Event", |xml| {
                    xml.inner_stream(|xml| {
                        xml.instance_of(definition, &[]).instance_of(definition, &[]);
                    });
                });
            },
            &[],
        );
    });
    chunk.record(plain);
    let ours = read(&chunk.finish());
    assert_eq!((ours.events.len(), ours.rejects.len()), (1, 1));
    // Elements deeper than any event.
    let mut chunk = Chunk::new();
    chunk.record(|xml| {
        fn nest(xml: &mut Xml<'_>, depth: usize) {
            if depth > 0 {
                xml.element("Event", |xml| nest(xml, depth - 1));
            }
        }
        nest(xml, 600);
    });
    chunk.record(plain);
    let ours = read(&chunk.finish());
    assert_eq!((ours.events.len(), ours.rejects.len()), (1, 1));
}

#[test]
fn one_chunk_cannot_fill_memory() {
    // A value of 40,000 bytes, named 900 times; then a list of 400 in 30 attributes of one element.
    let many = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").element("EventData", |xml| {
                for at in 0..900 {
                    xml.element_if("D", None, &[], |xml| {
                        xml.what(&What::Slot(at % 2));
                    });
                }
            });
        });
    };
    let product = |xml: &mut Xml<'_>| {
        xml.element("Event", |xml| {
            xml.system("p", "c", "1").element("EventData", |xml| {
                xml.element_if("D", None, &[], |xml| {
                    (0..30).for_each(|_| {
                        xml.what(&What::Slot(0));
                    })
                });
            });
        });
    };
    let value = (0x01, utf16(&"v".repeat(12_000)));
    for (define, values) in
        [(&many as &dyn Fn(&mut Xml<'_>), vec![value.clone(), (0x01, vec![])]), (&product, vec![(0x84, vec![7; 400])])]
    {
        let mut chunk = Chunk::new();
        let mut definition = 0;
        chunk.record(|xml| definition = xml.instance(1, define, &values));
        chunk.record(plain);
        let ours = read(&chunk.finish());
        assert_eq!(ours.events.len(), 1);
        let reason = RejectReason::Damaged("the chunk holds more than a chunk can hold");
        assert_eq!(ours.rejects, [Reject { record: 1, offset: 512, reason }]);
    }
}
