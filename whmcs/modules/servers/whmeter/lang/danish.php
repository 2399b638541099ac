<?php
// The module's texts in Danish.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Forbrug',
    'used' => 'Brugt plads',
    'limit' => 'Grænse',
    'percent' => 'Brugt af grænsen',
    'unlimited' => 'Ubegrænset',
    'unknown' => 'ukendt',
    'last_30_days' => 'seneste 30 dage',
    'monthly_average' => 'gennemsnit pr. måned',
    'disk' => 'Diskplads',
    'disk_gb_month' => 'Diskplads (UNIT-måneder)',
    'traffic_in' => 'Indgående trafik',
    'traffic_out' => 'Udgående trafik',
    'traffic_total' => 'Samlet trafik',
    'last_reading' => 'Seneste måling',
    'recalculate' => 'Genberegn',
    'too_soon' => 'Tallene blev genberegnet for mindre end 10 minutter siden. Prøv igen senere.',
    'unreachable' => 'Tallene er ikke tilgængelige i øjeblikket.',
    'no_account' => 'Forbruget for denne tjeneste måles endnu ikke.',
    'no_history' => 'Der er endnu ingen historik.',
    'incomplete' => 'ufuldstændig',
    'this_month' => 'denne måned',
    'free' => 'Ledig plads',
    'projected' => 'Forventet ved månedens udgang',
    'limit_on' => 'Grænsen nås i dette tempo',
    'complete' => 'fuldstændig',
    'as_of_last' => 'Dette er de senest kendte tal. Nye er ikke tilgængelige i øjeblikket.',
    'byte' => 'B',
    'last_reported' => 'Senest meldt til WHMCS',
    'policy' => 'Politik',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Begrænset',
    'pinned' => 'angivet manuelt',
    'update_policy' => 'Opdater politik',
    'set_standard' => 'Sæt standardpolitik',
    'set_limited' => 'Sæt begrænset politik',
    'not_allowed' => 'Serverens token tillader ikke dette.',
];
