# Two images: `docker build --target publisher .` and `docker build --target subscriber .`; see docker-compose.yml.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /framebridge
COPY . .
# The caches are Docker's, not the image's: a second build compiles only what changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/framebridge/target \
    cargo build --locked --release -p publisher -p subscriber \
    && mkdir /out \
    && cp target/release/frame-publisher target/release/frame-subscriber /out/

# What both images share: Debian, and a user with no rights of its own.
FROM debian:bookworm-slim AS base
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin framebridge \
    && install --directory --owner framebridge /frames /spool
USER 10001
WORKDIR /frames
# Healthy means connected: an established connection to the broker's port, 1883 (075B) or 8883 (22B3), in the kernel's table.
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s \
    CMD ["grep", "--quiet", "--extended-regexp", ":(075B|22B3) 01 ", "/proc/net/tcp", "/proc/net/tcp6"]

FROM base AS publisher
COPY --from=build /out/frame-publisher /usr/local/bin/
VOLUME /spool
ENTRYPOINT ["frame-publisher"]

FROM base AS subscriber
COPY --from=build /out/frame-subscriber /usr/local/bin/
VOLUME /frames
ENTRYPOINT ["frame-subscriber"]
