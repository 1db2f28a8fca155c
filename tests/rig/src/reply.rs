//! Just enough of a Redis client to look after servers, of its own so that no test trusts the client that it tests.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

/// An answer of Redis.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Nil,
    Int(i64),
    Status(String),
    Error(String),
    Data(Vec<u8>),
    List(Vec<Reply>),
}

impl Reply {
    /// The answer as text; numbers too, nothing as the empty text.
    pub fn text(&self) -> String {
        match self {
            Self::Nil => String::new(),
            Self::Int(number) => number.to_string(),
            Self::Status(text) => text.clone(),
            Self::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Error(_) | Self::List(_) => panic!("not a text: {self:?}"),
        }
    }

    pub fn int(&self) -> i64 {
        match self {
            Self::Int(number) => *number,
            _ => panic!("not a number: {self:?}"),
        }
    }

    pub fn data(self) -> Vec<u8> {
        match self {
            Self::Data(bytes) => bytes,
            _ => panic!("not data: {self:?}"),
        }
    }

    pub fn list(self) -> Vec<Reply> {
        match self {
            Self::List(replies) => replies,
            _ => panic!("not a list: {self:?}"),
        }
    }

    /// A list of texts.
    pub fn texts(self) -> Vec<String> {
        self.list().iter().map(Self::text).collect()
    }

    /// The answer as it travels.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Nil => b"$-1\r\n".to_vec(),
            Self::Int(number) => format!(":{number}\r\n").into_bytes(),
            Self::Status(text) => format!("+{text}\r\n").into_bytes(),
            Self::Error(text) => format!("-{text}\r\n").into_bytes(),
            Self::Data(data) => [format!("${}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat(),
            Self::List(replies) => {
                let head = format!("*{}\r\n", replies.len()).into_bytes();
                head.into_iter().chain(replies.iter().flat_map(Self::bytes)).collect()
            }
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Self::Error(_))
    }
}

/// Sends one command and reads its answer.
pub(crate) async fn ask<S, A>(stream: &mut BufReader<S>, command: &[A]) -> Result<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: AsRef<[u8]>,
{
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for word in command.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    stream.write_all(&bytes).await?;
    read(stream).await
}

pub(crate) async fn read<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let Some((kind, rest)) = line.trim_end().split_at_checked(1) else {
        return Err(ErrorKind::UnexpectedEof.into());
    };
    let number = || rest.parse::<i64>().map_err(|_| Error::other(format!("not an answer of Redis: {line:?}")));
    Ok(match kind {
        "+" => Reply::Status(rest.to_owned()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Int(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut bytes = vec![0; length + 2];
                stream.read_exact(&mut bytes).await?;
                bytes.truncate(length);
                Reply::Data(bytes)
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(length) => {
                let mut replies = Vec::new();
                for _ in 0..length {
                    replies.push(Box::pin(read(stream)).await?);
                }
                Reply::List(replies)
            }
        },
        _ => return Err(Error::other(format!("not an answer of Redis: {line:?}"))),
    })
}
