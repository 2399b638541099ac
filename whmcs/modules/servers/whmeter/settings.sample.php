<?php
// What whmeter's module cannot find out by itself. Copy to settings.php and change; every part may be left out.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    // The unit of whmeter's values: `unit` of [whmcs] in whmeter.toml. Usage in another one is refused.
    'unit' => 'GB',

    // Server entries of whmeter => ids of the servers of other modules that they meter.
    'meters' => [
        // 20 => [12, 13],
    ],

    // Ids of products of other modules => ids of the products of their companions. The cron orders the companions that are missing,
    // twenty in a run, of services that were there before too.
    'companions' => [
        // 17 => 31,
    ],

    // Where other modules' products keep sizes and templates: look at the settings of your version. `storage_unit` names a field that holds MB, GB,
    // TB or PB; without one the size must be written out, as 100 GiB. `configoption24.size` looks into JSON. `warn_at` is a percentage of the
    // limit to warn at, `unit` the unit that amounts are shown in.
    'product_fields' => [
        // 'puqMinIOS3' => [
        //     'storage_unit' => 'configoption2', 'storage' => 'configoption3',
        //     'notify' => 'configoption4', 'limited' => 'configoption8',
        // ],
    ],

    // Configurable options that are sizes, by their names: `storage`, `traffic_in`, `traffic_out` or `traffic_total`, and what one of
    // it is where it is a quantity, a tick or a bare number. It is added to the product's size, or with `whole` stands in its place.
    'options' => [
        // 'Additional Bandwidth' => ['meter' => 'traffic_out', 'each' => '1 GiB'],
        // 'Disk Space' => ['meter' => 'storage', 'each' => '1 GiB', 'whole' => true],
    ],

    // Whether disk and bandwidth figures of whmeter's own products are written for overage billing.
    'own_overage' => true,

    // Servers of other modules whose disk and bandwidth figures are written for overage billing.
    'overage_servers' => [],

    // Keep back the limit mails that other modules send of metered services.
    'keep_back_seed_mails' => false,
    'seed_templates' => [],

    // Tokens of server entries, where WHMCS does not give the stored access hash to hooks.
    'tokens' => [
        // 20 => 'whmeter-token',
    ],
];
