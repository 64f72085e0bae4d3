# Varnish as a cache in front of Tesela.
#
# On Debian and Ubuntu copy it to /etc/varnish/default.vcl and change what is marked with "HERE".
# Tesela's tests (tests/it/cdn/) run this very file, with Varnish 7.1; docs/cdn.md says what each
# cache makes of Tesela's headers.
#
# How long a tile is kept is not said here: it comes from the Cache-Control that Tesela sends,
# which is set per layer in Tesela. Varnish knows s-maxage and stale-while-revalidate itself; what
# is written below about staleness adds stale-if-error, which it doesn't.
#
# Varnish needs no lines for request collapsing (however many clients ask for a tile that isn't
# there, Tesela is asked once), for If-None-Match, and for encodings: it always asks for gzip and
# unpacks it for the few clients without. The built-in VCL, which follows each sub here unless it
# returns, keeps host and URL with its query (?v=) as the key, so tenants with host names of
# their own don't mix.
vcl 4.1;

import std;

# HERE: where Tesela listens. The second time is longer than Tesela's request_timeout (10s), so
# that clients see Tesela's own answer.
backend tesela {
    .host = "127.0.0.1";
    .port = "3000";
    .connect_timeout = 2s;
    .first_byte_timeout = 15s;
}

# HERE: who may drop tiles.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "BAN") {
        call drop_layers;
    }

    # For your Prometheus, which asks Tesela itself.
    if (req.url ~ "^/metrics(\?|$)") {
        return (synth(404));
    }

    # Tiles don't depend on them, and Varnish doesn't cache requests that have some.
    unset req.http.Cookie;

    # Tesela believes these if Varnish's address is in its trusted_proxies; what a client sends
    # under these names must not get through. HERE: if something in front takes TLS off, let its
    # X-Forwarded-Proto pass. With public_url set in Tesela, which is better, it needs none.
    set req.http.X-Forwarded-Host = req.http.Host;
    set req.http.X-Forwarded-Proto = "http";
    unset req.http.X-Forwarded-Prefix;

    # X-Stale is this file's own note, see vcl_hit.
    if (req.restarts == 0) {
        unset req.http.X-Stale;
    } elsif (req.http.X-Stale == "renew") {
        # Not what is too old, and no waiting for others who do the same: Tesela makes it once.
        set req.grace = 0s;
        set req.hash_ignore_busy = true;
    } elsif (req.http.X-Stale == "serve") {
        # No limit but the tile's own.
        set req.grace = 10y;
    }
}

# Drops all tiles that show one of some layers, tilesets with them, whatever the address:
#   curl -X BAN -H 'Surrogate-Key: roads rivers' http://127.0.0.1/
# Purge Tesela first, or Varnish fetches the old tiles again. A ban doesn't reach what is still being
# made; Tesela has that kept for ten seconds only.
sub drop_layers {
    # Varnish adds the client's address to X-Forwarded-For: two of them mean that the request came
    # through another proxy, whose own address says nothing about who is asking.
    if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
        return (synth(403));
    }
    if (req.http.Surrogate-Key !~ "^[A-Za-z0-9_.%-]+( [A-Za-z0-9_.%-]+)*$") {
        return (synth(400, "Surrogate-Key has to name layers"));
    }
    set req.http.X-Layers = regsuball(regsuball(req.http.Surrogate-Key, "\.", "[.]"), " ", "|");
    ban("obj.http.Surrogate-Key ~ (^|\s)(" + req.http.X-Layers + ")(\s|$)");
    return (synth(200, "Banned"));
}

sub vcl_backend_response {
    if (beresp.status >= 500) {
        # Never instead of a tile that is there.
        if (bereq.is_bgfetch || bereq.http.X-Stale == "renew") {
            return (abandon);
        }
        # Not kept. For a second, those who ask for the same don't wait for one another to fail.
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }

    # How long the tile may be served past its time: while a new one is made, and when none can
    # be. Varnish has made the first its grace already, and is told the second if that is longer;
    # vcl_hit needs the first by itself. Where Cache-Control has neither, no number is left of it.
    set beresp.http.X-Stale-While-Revalidate = regsub(beresp.http.Cache-Control,
        "^.*stale-while-revalidate=([0-9]+).*$", "\1s");
    set beresp.http.X-Stale-If-Error = regsub(beresp.http.Cache-Control,
        "^.*stale-if-error=([0-9]+).*$", "\1s");
    if (std.duration(beresp.http.X-Stale-If-Error, 0s) > beresp.grace) {
        set beresp.grace = std.duration(beresp.http.X-Stale-If-Error, 0s);
    }

    # And how much longer only to ask Tesela whether it is still right: a 304 instead of its bytes.
    set beresp.keep = 1h;
}

sub vcl_backend_fetch {
    # Tesela has just failed to answer this.
    if (bereq.is_bgfetch && bereq.http.X-Stale == "serve") {
        return (abandon);
    }
}

sub vcl_backend_error {
    # Tesela isn't there, or didn't answer in time.
    if (bereq.is_bgfetch || bereq.http.X-Stale == "renew") {
        return (abandon);
    }
}

# A tile past its time comes here if it is within one of the two times above. Within
# stale-while-revalidate the client gets it, while Varnish already fetches a new one. Past that it
# is there for errors only: the client waits for a new tile ("renew"), and when that fails, the
# third time round, gets the old one after all ("serve").
sub vcl_hit {
    if (!req.http.X-Stale &&
        obj.ttl + std.duration(obj.http.X-Stale-While-Revalidate, 0s) <= 0s) {
        set req.http.X-Stale = "renew";
        return (restart);
    }
}

sub vcl_synth {
    if (req.http.X-Stale == "renew" && resp.status == 503) {
        set req.http.X-Stale = "serve";
        return (restart);
    }
}

sub vcl_deliver {
    if (obj.uncacheable) {
        set resp.http.X-Cache = "PASS";
    } elsif (obj.hits == 0) {
        set resp.http.X-Cache = "MISS";
    } elsif (obj.ttl <= 0s) {
        set resp.http.X-Cache = "STALE";
    } else {
        set resp.http.X-Cache = "HIT";
    }

    # Browsers count Age as part of max-age: a tile that was here for an hour would be too old for
    # them on arrival.
    unset resp.http.Age;
    unset resp.http.X-Stale-While-Revalidate;
    unset resp.http.X-Stale-If-Error;

    # For caches between Tesela and clients. If a CDN is in front of this Varnish, keep them.
    unset resp.http.Surrogate-Key;
    unset resp.http.Surrogate-Control;
    unset resp.http.Cache-Tag;
    unset resp.http.CDN-Cache-Control;
}
