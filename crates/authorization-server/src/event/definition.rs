//! What an event is made of, and the macro by which the catalogue is at once an enum, a log line, a stored
//! record, a counter and a page of documentation. A field that is in one of them is in all of them.

use std::fmt;

use serde_json::Value;

/// Anything with `Display`; formatted only when somebody listens.
pub type Shown<'a> = &'a dyn fmt::Display;

/// What kind of fact an event is, and so whether it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// A decision about a client, a key or a person. Stored.
    Security,
    /// Something that an administrator did. Stored.
    Administration,
    /// The ordinary course, as often as there are requests. Stored when the configuration asks for it.
    Issuance,
    /// The state of the process. Logged only.
    Operation,
}

impl EventClass {
    /// The name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Administration => "administration",
            Self::Issuance => "issuance",
            Self::Operation => "operation",
        }
    }
}

/// One line of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct EventDescription {
    /// The stable name, the log field `event`.
    pub name: &'static str,
    /// Its class.
    pub class: EventClass,
    /// The level that it is logged at.
    pub level: tracing::Level,
    /// What happened, in a sentence.
    pub meaning: &'static str,
    /// Its fields.
    pub fields: &'static [FieldDescription],
}

/// One field of an event.
#[derive(Clone, Copy, Debug)]
pub struct FieldDescription {
    /// Its stable name.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// Whether it is left out when there is nothing to say.
    pub optional: bool,
}

/// The value of a field: for `tracing`, and for the store.
pub(crate) trait Field {
    fn traced(&self) -> impl tracing::Value + '_;
    fn stored(&self) -> Option<Value>;
}

impl Field for &str {
    fn traced(&self) -> impl tracing::Value + '_ {
        *self
    }

    fn stored(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Field for Option<&str> {
    fn traced(&self) -> impl tracing::Value + '_ {
        *self
    }

    fn stored(&self) -> Option<Value> {
        self.map(Value::from)
    }
}

impl Field for u64 {
    fn traced(&self) -> impl tracing::Value + '_ {
        *self
    }

    fn stored(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Field for bool {
    fn traced(&self) -> impl tracing::Value + '_ {
        *self
    }

    fn stored(&self) -> Option<Value> {
        Some((*self).into())
    }
}

impl Field for Shown<'_> {
    fn traced(&self) -> impl tracing::Value + '_ {
        tracing::field::display(*self)
    }

    fn stored(&self) -> Option<Value> {
        Some(self.to_string().into())
    }
}

impl Field for Option<Shown<'_>> {
    fn traced(&self) -> impl tracing::Value + '_ {
        self.map(tracing::field::display)
    }

    fn stored(&self) -> Option<Value> {
        self.map(|shown| shown.to_string().into())
    }
}

/// Words with a space between them, as the scope and the audience of a token are shown.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(pub &'a [String]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(index, word)| {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)
        })
    }
}

/// Whether a field of this type may have nothing to say.
pub(crate) const fn is_optional(kind: &str) -> bool {
    matches!(kind.as_bytes(), [b'O', b'p', b't', b'i', b'o', b'n', ..])
}

macro_rules! events {
    ($($variant:ident = $name:literal, $class:ident, $level:ident, $meaning:literal {
        $($field:ident: $kind:ty = $about:literal),* $(,)?
    })*) => {
        /// Something that an operator or an auditor may have to know. See `docs/audit-events.md`.
        #[derive(Clone, Copy)]
        pub enum AuditEvent<'a> {
            $(
                #[doc = $meaning]
                $variant {
                    $(#[doc = $about] $field: $kind,)*
                },
            )*
        }

        /// The catalogue, in the order of its page.
        pub const EVENTS: &[EventDescription] = &[$(EventDescription {
            name: $name,
            class: EventClass::$class,
            level: tracing::Level::$level,
            meaning: $meaning,
            fields: &[$(FieldDescription {
                name: stringify!($field),
                meaning: $about,
                optional: definition::is_optional(stringify!($kind)),
            }),*],
        }),*];

        /// The place of each event in the catalogue.
        #[derive(Clone, Copy)]
        enum Place { $($variant),* }

        impl AuditEvent<'_> {
            pub(crate) fn place(&self) -> usize {
                match self {
                    $(Self::$variant { .. } => Place::$variant as usize,)*
                }
            }

            /// Its line of the catalogue.
            #[must_use]
            pub fn description(&self) -> &'static EventDescription {
                &EVENTS[self.place()]
            }

            /// Logs and counts the event, and stores nothing.
            pub fn trace(&self) {
                $crate::metrics::count_event(self.place(), self);
                use definition::Field as _;
                match self {
                    $(Self::$variant { $($field),* } => tracing::event!(
                        tracing::Level::$level,
                        event = $name,
                        $($field = $field.traced()),*
                    ),)*
                }
            }

            /// Its fields as they are stored, those without a value left out.
            #[must_use]
            pub fn fields(&self) -> serde_json::Map<String, serde_json::Value> {
                use definition::Field as _;
                let mut fields = serde_json::Map::new();
                let mut put = |name: &str, value: Option<serde_json::Value>| {
                    if let Some(value) = value {
                        fields.insert(name.into(), value);
                    }
                };
                match self {
                    $(Self::$variant { $($field),* } => { $(put(stringify!($field), $field.stored());)* })*
                }
                fields
            }
        }
    };
}
pub(crate) use events;
