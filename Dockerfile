# syntax=docker/dockerfile:1
#
#   docker build -t tesela .
#   docker run --rm -p 3000:3000 tesela serve postgres://user:password@host/database
#   docker run --rm -p 3000:3000 -v ./tesela.toml:/etc/tesela/tesela.toml:ro tesela serve --config /etc/tesela/tesela.toml

FROM rust:1.95-slim-bookworm AS build
# The preview page's MapLibre GL JS comes from npm while building; without npm the page would load it from a CDN.
COPY --from=node:22-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=node:22-bookworm-slim /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
COPY . .
# The caches outlive the build, so a change in src/ compiles this crate only; the binary must leave the cache.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --bin tesela \
    && install -D -m 0755 --strip target/release/tesela /out/tesela

FROM debian:bookworm-slim
# TLS to a database is checked against the system's certificates.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin tesela \
    && install -d -m 0755 /etc/tesela
COPY --from=build /out/tesela /usr/local/bin/tesela

# In a container, loopback would be reachable by nobody. The admin listener stays on loopback.
ENV TESELA_SERVER__LISTEN=0.0.0.0:3000
EXPOSE 3000
USER 10001:10001
WORKDIR /etc/tesela

# bash is in the image and can open a TCP connection itself: no curl to install and to patch.
# Alive, not ready: a database that is down must not get the container restarted.
# A container started with another --listen needs TESELA_SERVER__LISTEN instead, or its own check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${TESELA_SERVER__LISTEN##*:} && printf 'GET /health/live HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [[ $status == 200 ]]"]

ENTRYPOINT ["tesela"]
CMD ["serve"]
