<?php
// The module's texts in Estonian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Kasutus',
    'used' => 'Kasutatud ruum',
    'limit' => 'Piirang',
    'percent' => 'Kasutatud piirangust',
    'unlimited' => 'Piiramatu',
    'unknown' => 'teadmata',
    'last_30_days' => 'viimased 30 päeva',
    'monthly_average' => 'kuu keskmine',
    'disk' => 'Kettaruum',
    'disk_gb_month' => 'Kettaruum (UNIT-kuud)',
    'traffic_in' => 'Sissetulev liiklus',
    'traffic_out' => 'Väljaminev liiklus',
    'traffic_total' => 'Liiklus kokku',
    'last_reading' => 'Viimane mõõtmine',
    'recalculate' => 'Arvuta uuesti',
    'too_soon' => 'Andmed arvutati uuesti vähem kui 10 minutit tagasi. Palun proovige hiljem uuesti.',
    'unreachable' => 'Andmed pole praegu saadaval.',
    'no_account' => 'Selle teenuse kasutust veel ei mõõdeta.',
    'no_history' => 'Ajalugu veel puudub.',
    'incomplete' => 'mittetäielik',
    'this_month' => 'sel kuul',
    'free' => 'Vaba ruum',
    'projected' => 'Eeldatav kuu lõpuks',
    'limit_on' => 'Limiit täitub selle tempoga',
    'complete' => 'täielik',
    'as_of_last' => 'Need on viimased teadaolevad andmed. Uusi ei ole praegu saada.',
    'byte' => 'B',
    'last_reported' => 'Viimati WHMCS-ile teatatud',
    'policy' => 'Reegel',
    'policy_standard' => 'Tavaline',
    'policy_limited' => 'Piiratud',
    'pinned' => 'käsitsi määratud',
    'update_policy' => 'Uuenda reeglit',
    'set_standard' => 'Määra tavaline reegel',
    'set_limited' => 'Määra piiratud reegel',
    'not_allowed' => 'Serveri juurdepääsutõend ei luba seda.',
];
