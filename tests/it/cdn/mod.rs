//! Tesela behind real caches: what `docs/cdn/` promises, with nginx and with Varnish.

mod both;
mod cache;
mod errors;
mod fresh;
mod purge;
mod stage;
mod stale;

use cache::Kind;
use stage::Stage;

/// Makes each promise a test of each cache, or of one.
macro_rules! promises {
    (both: $both:tt, nginx: $nginx:tt, varnish: $varnish:tt) => {
        mod nginx {
            promises!(Nginx: $both);
            promises!(Nginx: $nginx);
        }
        mod varnish {
            promises!(Varnish: $both);
            promises!(Varnish: $varnish);
        }
    };
    ($kind:ident: { $($module:ident::$promise:ident,)* }) => {
        $(#[test] fn $promise() {
            super::$module::$promise(&super::Stage::shared(super::Kind::$kind));
        })*
    };
}

promises! {
    both: {
        fresh::tesela_does_not_see_the_second_request,
        fresh::fifty_clients_of_a_cold_tile_are_one_request,
        fresh::every_client_gets_an_encoding_that_it_takes,
        fresh::browsers_that_write_accept_encoding_in_other_words_share_a_tile,
        fresh::a_client_that_has_the_tile_gets_304_from_the_cache,
        fresh::an_empty_tile_stays_empty_without_asking_again,
        fresh::pages_of_two_origins_share_a_tile,
        fresh::cookies_make_no_difference,
        fresh::hosts_and_versions_have_tiles_of_their_own,
        fresh::headers_for_caches_end_at_the_cache,
        fresh::clients_cannot_say_how_tesela_is_reached,
        fresh::a_tile_with_its_version_is_kept_for_good,
        fresh::metrics_are_not_for_the_world,
        stale::an_expired_tile_is_served_at_once_while_one_request_renews_it,
        stale::an_expired_tile_is_not_served_while_tesela_can_make_a_new_one,
        stale::a_tile_that_did_not_change_is_renewed_without_its_bytes,
        errors::an_error_is_not_kept,
        errors::an_error_does_not_replace_a_tile,
        errors::a_client_that_gets_an_old_tile_for_an_error_is_one_request,
        errors::an_error_behind_the_clients_back_does_not_replace_a_tile,
        errors::tiles_outlive_the_database,
    },
    nginx: {
        purge::one_address_can_be_fetched_anew,
    },
    varnish: {
        errors::an_error_is_shown_when_the_tile_is_too_old_for_it,
        purge::a_ban_drops_a_layer_and_its_tilesets_and_nothing_else,
        purge::only_purgers_may_ban_and_only_layers,
    }
}

/// The same for tests with a stage of their own.
macro_rules! promises_alone {
    ($($module:ident::$promise:ident($($kind:ident)?) as $name:ident,)*) => {
        $(#[test] fn $name() {
            $module::$promise($(Kind::$kind)?);
        })*
    };
}

promises_alone! {
    both::tesela_has_to_be_purged_before_the_cache() as tesela_has_to_be_purged_before_varnish,
    both::a_stale_answer_of_tesela_is_shared_for_seconds_only(Nginx)
        as nginx_shares_a_stale_answer_of_tesela_for_seconds_only,
    both::a_stale_answer_of_tesela_is_shared_for_seconds_only(Varnish)
        as varnish_shares_a_stale_answer_of_tesela_for_seconds_only,
    both::what_is_made_during_a_purge_is_shared_for_seconds_only(Nginx)
        as nginx_shares_what_is_made_during_a_purge_for_seconds_only,
    both::what_is_made_during_a_purge_is_shared_for_seconds_only(Varnish)
        as varnish_shares_what_is_made_during_a_purge_for_seconds_only,
    both::a_cache_that_is_not_trusted_passes_the_host_on(Nginx)
        as nginx_passes_the_host_on_without_being_trusted,
    both::a_cache_that_is_not_trusted_passes_the_host_on(Varnish)
        as varnish_passes_the_host_on_without_being_trusted,
    stale::clients_of_an_expired_tile_do_not_wait_for_one_another(Nginx)
        as clients_of_an_expired_tile_in_nginx_do_not_wait_for_one_another,
    stale::clients_of_an_expired_tile_do_not_wait_for_one_another(Varnish)
        as clients_of_an_expired_tile_in_varnish_do_not_wait_for_one_another,
    errors::clients_of_a_tile_that_cannot_be_made_do_not_wait_for_one_another()
        as clients_of_varnish_do_not_wait_for_one_another_to_fail,
    errors::tiles_outlive_tesela(Nginx) as tiles_in_nginx_outlive_tesela,
    errors::tiles_outlive_tesela(Varnish) as tiles_in_varnish_outlive_tesela,
    purge::emptying_the_folder_forgets_every_tile()
        as emptying_the_folder_of_nginx_forgets_every_tile,
}
