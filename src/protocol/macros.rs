//! `message!`, which writes a message as it looks.

/// Makes a [`Message`](crate::Message) of a literal map. Values are nested `{…}` and `[…]`, `null`, and any
/// expression that converts into a [`Value`](crate::protocol::Value).
///
/// ```
/// use channel_layers::message;
///
/// let text = String::from("hello");
/// let message = message! {
///     "type": "chat.message",
///     "text": text,
///     "from": { "name": "ada", "id": 7 },
///     "tags": ["a", 1, null, [true]],
///     "photo": vec![0xffu8, 0xd8],
/// };
/// assert_eq!(message.get("text").unwrap().as_str(), Some("hello"));
/// ```
///
/// # Panics
///
/// Where an expression is a tree that makes the message nest deeper than
/// [`MAX_DEPTH`](crate::protocol::MAX_DEPTH).
#[macro_export]
macro_rules! message {
    ($($content:tt)*) => {
        $crate::Message::try_from($crate::__map!(@ {} $($content)*)).expect("a message nests at most 100 levels")
    };
}

/// A map, entry by entry: `@ {done} rest`.
#[doc(hidden)]
#[macro_export]
macro_rules! __map {
    (@ { $($key:expr => $value:expr;)* }) => {{
        #[allow(unused_mut)]
        let mut map = $crate::protocol::Map::new();
        $(map.insert($key, $value);)*
        map
    }};
    (@ { $($done:tt)* } $key:literal : { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $crate::__map!(@ { $($done)* $key => $crate::__value!({ $($inner)* }); } $($($rest)*)?)
    };
    (@ { $($done:tt)* } $key:literal : [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::__map!(@ { $($done)* $key => $crate::__value!([ $($inner)* ]); } $($($rest)*)?)
    };
    (@ { $($done:tt)* } $key:literal : null $(, $($rest:tt)*)?) => {
        $crate::__map!(@ { $($done)* $key => $crate::__value!(null); } $($($rest)*)?)
    };
    (@ { $($done:tt)* } $key:literal : $value:expr $(, $($rest:tt)*)?) => {
        $crate::__map!(@ { $($done)* $key => $crate::__value!($value); } $($($rest)*)?)
    };
}

/// A list, value by value.
#[doc(hidden)]
#[macro_export]
macro_rules! __list {
    (@ [ $($value:expr;)* ]) => {
        ::std::vec![$($value),*]
    };
    (@ [ $($done:tt)* ] { $($inner:tt)* } $(, $($rest:tt)*)?) => {
        $crate::__list!(@ [ $($done)* $crate::__value!({ $($inner)* }); ] $($($rest)*)?)
    };
    (@ [ $($done:tt)* ] [ $($inner:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::__list!(@ [ $($done)* $crate::__value!([ $($inner)* ]); ] $($($rest)*)?)
    };
    (@ [ $($done:tt)* ] null $(, $($rest:tt)*)?) => {
        $crate::__list!(@ [ $($done)* $crate::__value!(null); ] $($($rest)*)?)
    };
    (@ [ $($done:tt)* ] $value:expr $(, $($rest:tt)*)?) => {
        $crate::__list!(@ [ $($done)* $crate::__value!($value); ] $($($rest)*)?)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __value {
    (null) => {
        $crate::protocol::Value::Null
    };
    ({ $($content:tt)* }) => {
        $crate::protocol::Value::Map($crate::__map!(@ {} $($content)*))
    };
    ([ $($content:tt)* ]) => {
        $crate::protocol::Value::List($crate::__list!(@ [] $($content)*))
    };
    ($value:expr) => {
        $crate::protocol::Value::from($value)
    };
}
