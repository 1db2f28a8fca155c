//! Who a client is, as an authorizer has found out, and what goes with that for as long as it is connected.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Denied, Grants};
use crate::protocol::{ChannelName, GroupName, Message, Value};

/// Who a client is.
///
/// ```
/// use std::time::Duration;
/// use channel_layers::gateway::{Grants, Identity, Right};
///
/// let grants = Grants::default().with_group("chat.*", [Right::Join, Right::Send]).with_type("chat.*");
/// let ann = Identity::user("ann").with_grants(grants).expires_in(Duration::from_secs(3600));
/// assert!(ann.may_join(&"chat.lobby".parse()?).is_ok());
/// assert!(ann.may_join(&"staff".parse()?).is_err());
/// # Ok::<(), channel_layers::Error>(())
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Identity {
    /// The user's name, written into the `sender` of every message that the client sends. Nothing for an anonymous
    /// client, whose messages have no sender.
    pub user: Option<String>,
    /// How long its token lasts from now. The connection is closed with 4002 when it ends. Nothing: for ever.
    pub expires: Option<Duration>,
    /// The token's own name (its `jti`), by which a single session can be ended. Not the token.
    pub token: Option<String>,
    /// What the client may do. Nothing: the authorizer decides each request itself.
    pub grants: Option<Arc<Grants>>,
    /// Groups that the client is in from the start, without asking.
    pub join: Vec<GroupName>,
    /// What others are shown of it, such as a name to display.
    pub info: Option<Value>,
    /// What the authorizer wants to be handed back with later questions about this client. The gateway does not look
    /// at it, and keeps it as long as the connection.
    pub context: Option<Arc<dyn Any + Send + Sync>>,
}

impl Identity {
    /// A client that nobody knows.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// A known user.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
    }

    /// Limits it to a time from now.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Some(time);
        self
    }

    /// Sets [`token`](Self::token).
    #[must_use]
    pub fn with_token(mut self, id: impl Into<String>) -> Self {
        self.token = Some(id.into());
        self
    }

    /// Sets [`grants`](Self::grants).
    #[must_use]
    pub fn with_grants(mut self, grants: impl Into<Arc<Grants>>) -> Self {
        self.grants = Some(grants.into());
        self
    }

    /// Sets [`join`](Self::join).
    #[must_use]
    pub fn with_join(mut self, groups: impl Into<Vec<GroupName>>) -> Self {
        self.join = groups.into();
        self
    }

    /// Sets [`info`](Self::info).
    #[must_use]
    pub fn with_info(mut self, info: impl Into<Value>) -> Self {
        self.info = Some(info.into());
        self
    }

    /// Sets [`context`](Self::context).
    #[must_use]
    pub fn with_context(mut self, context: Arc<dyn Any + Send + Sync>) -> Self {
        self.context = Some(context);
        self
    }

    /// Whether its [`grants`](Self::grants) let it join the group.
    ///
    /// # Errors
    ///
    /// [`Denied::Forbidden`] that says which grant is missing. Without grants nothing is granted.
    pub fn may_join(&self, group: &GroupName) -> Result<(), Denied> {
        self.granted()?.may_join(group)
    }

    /// Whether its [`grants`](Self::grants) let it send this message to the group.
    ///
    /// # Errors
    ///
    /// As [`may_join`](Self::may_join).
    pub fn may_group_send(&self, group: &GroupName, message: &Message) -> Result<(), Denied> {
        self.granted()?.may_group_send(group, message.kind().as_deref())
    }

    /// Whether its [`grants`](Self::grants) let it send this message to the channel.
    ///
    /// # Errors
    ///
    /// As [`may_join`](Self::may_join).
    pub fn may_send(&self, channel: &ChannelName, message: &Message) -> Result<(), Denied> {
        self.granted()?.may_send(channel, message.kind().as_deref())
    }

    fn granted(&self) -> Result<&Grants, Denied> {
        self.grants.as_deref().ok_or_else(|| Denied::Forbidden("this client was granted nothing".into()))
    }
}

/// Without the context, which may hold anything.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, expires, token, grants, join, info, context: _ } = self;
        let mut s = f.debug_struct("Identity");
        s.field("user", user).field("expires", expires).field("token", token).field("grants", grants);
        s.field("join", join).field("info", info).finish_non_exhaustive()
    }
}
