<?php
// The module's texts in Norwegian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Forbruk',
    'used' => 'Brukt plass',
    'limit' => 'Grense',
    'percent' => 'Brukt av grensen',
    'unlimited' => 'Ubegrenset',
    'unknown' => 'ukjent',
    'last_30_days' => 'siste 30 dager',
    'monthly_average' => 'gjennomsnitt per måned',
    'disk' => 'Diskplass',
    'disk_gb_month' => 'Diskplass (UNIT-måneder)',
    'traffic_in' => 'Innkommende trafikk',
    'traffic_out' => 'Utgående trafikk',
    'traffic_total' => 'Total trafikk',
    'last_reading' => 'Siste måling',
    'recalculate' => 'Beregn på nytt',
    'too_soon' => 'Tallene ble beregnet på nytt for mindre enn 10 minutter siden. Prøv igjen senere.',
    'unreachable' => 'Tallene er ikke tilgjengelige for øyeblikket.',
    'no_account' => 'Forbruket for denne tjenesten måles ikke ennå.',
    'no_history' => 'Det finnes ingen historikk ennå.',
    'incomplete' => 'ufullstendig',
    'this_month' => 'denne måneden',
    'free' => 'Ledig plass',
    'projected' => 'Forventet ved slutten av måneden',
    'limit_on' => 'Grensen nås i dette tempoet',
    'complete' => 'fullstendig',
    'as_of_last' => 'Dette er de sist kjente tallene. Nye er ikke tilgjengelige for øyeblikket.',
    'byte' => 'B',
    'last_reported' => 'Sist meldt til WHMCS',
    'policy' => 'Policy',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Begrenset',
    'pinned' => 'satt manuelt',
    'update_policy' => 'Oppdater policy',
    'set_standard' => 'Sett standardpolicy',
    'set_limited' => 'Sett begrenset policy',
    'not_allowed' => 'Serverens token tillater ikke dette.',
];
