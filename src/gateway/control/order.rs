//! What the server wants of open sockets, wherever they are: that they end, or leave a group.

use serde::{Deserialize, Serialize};

use super::Word;
use crate::gateway::Identity;
use crate::layer::ChannelLayer;
use crate::protocol::{ChannelName, CloseCode, GroupName};
use crate::{Error, ErrorKind, Message, Result};

/// Which connections: those that everything fits which is given. Nothing given is no connection.
///
/// ```
/// use channel_layers::gateway::Selector;
///
/// let everywhere = Selector::user("ann");
/// let this_session = Selector::token("01J9Z");
/// assert_ne!(everywhere, this_session);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Selector {
    /// Of this user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// With a token of this id, its `jti` claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// With this channel: one connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<ChannelName>,
    /// But not with this channel, such as the one that the user changes the password on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub except: Option<ChannelName>,
}

impl Selector {
    /// Every connection of a user.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
    }

    /// Every connection with a token of this id.
    pub fn token(id: impl Into<String>) -> Self {
        Self { token: Some(id.into()), ..Self::default() }
    }

    /// The connection with this channel.
    pub fn connection(channel: ChannelName) -> Self {
        Self { connection: Some(channel), ..Self::default() }
    }

    /// Leaves out the connection with this channel.
    #[must_use]
    pub fn except(mut self, channel: ChannelName) -> Self {
        self.except = Some(channel);
        self
    }

    /// Whether a connection is meant.
    pub(crate) fn selects(&self, identity: &Identity, channel: &ChannelName) -> bool {
        let fits = |wanted: &Option<String>, own: &Option<String>| wanted.is_none() || wanted == own;
        !self.is_empty()
            && fits(&self.user, &identity.user)
            && fits(&self.token, &identity.token)
            && self.connection.as_ref().is_none_or(|wanted| wanted == channel)
            && self.except.as_ref() != Some(channel)
    }

    fn is_empty(&self) -> bool {
        self.user.is_none() && self.token.is_none() && self.connection.is_none()
    }
}

/// What the server wants of connections, in every gateway on a layer.
///
/// A gateway carries it out with [`Gateway::order`](crate::gateway::Gateway::order). Any other program on the layer sends
/// it with [`send`](Self::send), or as a message to the group [`GROUP`](Self::GROUP); from Django, when a user logs out:
///
/// ```python
/// async_to_sync(get_channel_layer().group_send)(
///     "_gateway.control", {"type": "_gateway.disconnect", "user": str(user.pk)}
/// )
/// ```
///
/// Like every message of a layer it arrives at most once. It says nothing about later connections: what a user may do
/// then, the token or the authorizer decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum Order {
    /// `_gateway.disconnect`: close them, with 4505, after which clients stay away.
    #[serde(rename = "_gateway.disconnect")]
    #[non_exhaustive]
    Disconnect {
        /// Which.
        #[serde(flatten)]
        who: Selector,
        /// Close with 4007 instead, after which clients come back at once, and are asked who they are anew.
        #[serde(default)]
        reconnect: bool,
        /// Why, which the clients are told. The close frame has room for about 120 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// `_gateway.leave`: put them out of a group, with group code 2000, after which clients do not join again by
    /// themselves.
    #[serde(rename = "_gateway.leave")]
    #[non_exhaustive]
    Leave {
        /// Which.
        #[serde(flatten)]
        who: Selector,
        /// The group.
        group: GroupName,
    },
}

impl Order {
    /// The group that gateways hear orders in. No client may join it or send to it, nor send messages of these types.
    pub const GROUP: &'static str = "_gateway.control";

    /// To close connections for good.
    pub fn disconnect(who: Selector) -> Self {
        Self::Disconnect { who, reconnect: false, reason: None }
    }

    /// To close connections that are to come back.
    pub fn reconnect(who: Selector) -> Self {
        Self::Disconnect { who, reconnect: true, reason: None }
    }

    /// To put connections out of a group.
    pub fn leave(who: Selector, group: GroupName) -> Self {
        Self::Leave { who, group }
    }

    /// Tells clients why they are disconnected. Clients that leave a group are told nothing more.
    #[must_use]
    pub fn because(mut self, text: impl Into<String>) -> Self {
        if let Self::Disconnect { reason, .. } = &mut self {
            *reason = Some(text.into());
        }
        self
    }

    /// Sends it to every gateway on a layer, from a process that need not be one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] where it selects nobody; those of
    /// [`ChannelLayer::group_send`].
    ///
    /// # Cancel safety
    ///
    /// A dropped future has sent it or not.
    pub async fn send<L: ChannelLayer>(&self, layer: &L) -> Result<()> {
        self.check()?;
        layer.group_send(&super::group(), Message::encode(&Word::Order(self.clone()))?).await
    }

    pub(crate) fn who(&self) -> &Selector {
        match self {
            Self::Disconnect { who, .. } | Self::Leave { who, .. } => who,
        }
    }

    /// Refuses one that means nobody, which is a mistake.
    pub(crate) fn check(&self) -> Result<()> {
        match self.who().is_empty() {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Config, "name whom it concerns: a user, a token or a connection")),
        }
    }

    /// The close code of those who are disconnected, and the reason.
    pub(crate) fn close(reconnect: bool, reason: Option<&str>) -> (CloseCode, String) {
        let (code, usual) = match reconnect {
            true => (CloseCode::FORCED_RECONNECT, "the server asks for a new connection"),
            false => (CloseCode::BY_SERVER, "disconnected by the server"),
        };
        (code, reason.unwrap_or(usual).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message;

    fn channel(name: &str) -> ChannelName {
        name.parse().unwrap()
    }

    #[test]
    fn everything_that_is_given_must_fit() {
        let ann = Identity::user("ann").with_token("t1");
        let own = channel("gateway!a");
        let selects = |selector: &Selector| selector.selects(&ann, &own);
        assert!(selects(&Selector::user("ann")) && !selects(&Selector::user("bob")));
        assert!(selects(&Selector::token("t1")) && !selects(&Selector::token("t2")));
        assert!(selects(&Selector::connection(own.clone())) && !selects(&Selector::connection(channel("gateway!b"))));
        let both = |user: &str| Selector { token: Some("t1".into()), ..Selector::user(user) };
        assert!(selects(&both("ann")) && !selects(&both("bob")));
        assert!(!selects(&Selector::user("ann").except(own.clone())));
        assert!(!selects(&Selector::default()) && !selects(&Selector::default().except(channel("gateway!b"))));
        assert!(!Selector::user("ann").selects(&Identity::anonymous(), &own), "nobody is not ann");
    }

    #[test]
    fn it_travels_as_django_would_write_it() {
        let written = message! { "type": "_gateway.disconnect", "user": "ann", "reason": "logged out" };
        let order = Order::disconnect(Selector::user("ann")).because("logged out");
        assert_eq!(written.decode::<Order>().unwrap(), order);
        for order in [order, Order::leave(Selector::token("t"), "chat.lobby".parse().unwrap())] {
            assert_eq!(Message::encode(&order).unwrap().decode::<Order>().unwrap(), order);
            assert_eq!(Message::encode(&Word::Order(order.clone())).unwrap().decode::<Order>().unwrap(), order);
        }
    }

    #[tokio::test]
    async fn one_that_means_nobody_is_refused() {
        let layer = crate::layer::Layer::default();
        assert_eq!(Order::disconnect(Selector::default()).send(&layer).await.unwrap_err().kind(), ErrorKind::Config);
    }
}
