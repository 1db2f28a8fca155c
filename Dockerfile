# The gateway as an image: one static binary, no shell, not root. `docker build -t channel-layers .`
#
# Needs nothing of this folder but its sources; see .dockerignore. The chat page is left out: what it would need to be built
# (wasm target, Node) has no place in an image for production.

FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev ca-certificates
WORKDIR /build
COPY . .
# On Alpine the target is musl, which links everything statically.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin channel-layers && \
    cp target/release/channel-layers /channel-layers

FROM scratch
# For rediss://, and for https:// keys and callbacks.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /channel-layers /channel-layers
USER 65532:65532
# The address of a container is not loopback: without authentication the gateway refuses to start, and says what to set.
ENV PORT=8000
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["/channel-layers"]
CMD ["serve"]
