<?php
// What whmeter's module cannot find out by itself. Copy to settings.php and change; every part may be left out.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    // The unit of whmeter's values: `unit` of [whmcs] in whmeter.toml.
    'unit' => 'GB',

    // Server entries of whmeter => ids of the servers of other modules that they meter.
    'meters' => [
        // 20 => [12, 13],
    ],

    // Ids of products of other modules => ids of the products of their companions.
    'companions' => [
        // 17 => 31,
    ],

    // Where other modules' products keep sizes and templates: look at the settings of your version. `storage_unit` names a field that holds MB, GB,
    // TB or PB; without one the size must be written out, as 100 GiB. `configoption24.size` looks into JSON.
    'product_fields' => [
        // 'puqMinIOS3' => [
        //     'storage_unit' => 'configoption2', 'storage' => 'configoption3',
        //     'notify' => 'configoption4', 'limited' => 'configoption8',
        // ],
    ],

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
