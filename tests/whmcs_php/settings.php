<?php
// The settings of the installation that the checks run in.

declare(strict_types=1);

return [
    'meters' => [20 => [12, 13], 21 => [44]],
    'companions' => [17 => 31],
    'product_fields' => [
        'puqMinIOS3' => [
            'storage_unit' => 'configoption2',
            'storage' => 'configoption3',
            'notify' => 'configoption4',
            'limited' => 'configoption8',
        ],
        'puqVPNcp' => ['traffic_out' => 'configoption24.traffic', 'traffic_out_unit' => 'configoption24.traffic_unit'],
    ],
    'options' => [
        'Additional Bandwidth' => ['meter' => 'traffic_out', 'each' => '1 GiB'],
        'Disk Space' => ['meter' => 'storage', 'whole' => true, 'each' => '10 GiB'],
        'Extra disk' => ['meter' => 'storage', 'each' => '100 GiB'],
    ],
    'overage_servers' => [12],
    'keep_back_seed_mails' => true,
    'seed_templates' => ['House template'],
];
