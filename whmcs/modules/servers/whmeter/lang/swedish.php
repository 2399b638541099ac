<?php
// The module's texts in Swedish.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Förbrukning',
    'used' => 'Använt utrymme',
    'limit' => 'Gräns',
    'percent' => 'Använt av gränsen',
    'unlimited' => 'Obegränsat',
    'unknown' => 'okänt',
    'last_30_days' => 'senaste 30 dagarna',
    'monthly_average' => 'genomsnitt per månad',
    'disk' => 'Diskutrymme',
    'disk_gb_month' => 'Diskutrymme (UNIT-månader)',
    'traffic_in' => 'Inkommande trafik',
    'traffic_out' => 'Utgående trafik',
    'traffic_total' => 'Total trafik',
    'last_reading' => 'Senaste mätning',
    'recalculate' => 'Beräkna om',
    'too_soon' => 'Siffrorna räknades om för mindre än 10 minuter sedan. Försök igen senare.',
    'unreachable' => 'Siffrorna är inte tillgängliga just nu.',
    'no_account' => 'Förbrukningen för den här tjänsten mäts inte ännu.',
    'no_history' => 'Det finns ingen historik ännu.',
    'incomplete' => 'ofullständig',
    'this_month' => 'denna månad',
    'free' => 'Ledigt utrymme',
    'projected' => 'Väntas vid månadens slut',
    'limit_on' => 'Gränsen nås i denna takt',
    'complete' => 'fullständig',
    'as_of_last' => 'Detta är de senast kända värdena. Nya är inte tillgängliga just nu.',
    'byte' => 'B',
    'last_reported' => 'Senast rapporterat till WHMCS',
    'policy' => 'Policy',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Begränsad',
    'pinned' => 'satt för hand',
    'update_policy' => 'Uppdatera policy',
    'set_standard' => 'Sätt standardpolicy',
    'set_limited' => 'Sätt begränsad policy',
    'not_allowed' => 'Serverns token tillåter inte detta.',
];
