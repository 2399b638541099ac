<?php
// The module's texts in German.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Verbrauch',
    'used' => 'Belegter Speicher',
    'limit' => 'Limit',
    'percent' => 'Auslastung des Limits',
    'unlimited' => 'Unbegrenzt',
    'unknown' => 'unbekannt',
    'last_30_days' => 'letzte 30 Tage',
    'monthly_average' => 'Monatsdurchschnitt',
    'disk' => 'Speicherplatz',
    'disk_gb_month' => 'Speicherplatz (UNIT-Monate)',
    'traffic_in' => 'Eingehender Traffic',
    'traffic_out' => 'Ausgehender Traffic',
    'traffic_total' => 'Traffic gesamt',
    'last_reading' => 'Letzte Messung',
    'recalculate' => 'Neu berechnen',
    'too_soon' => 'Die Werte wurden vor weniger als 10 Minuten neu berechnet. Bitte versuchen Sie es später erneut.',
    'unreachable' => 'Die Werte sind zurzeit nicht verfügbar.',
    'no_account' => 'Der Verbrauch dieses Dienstes wird noch nicht gemessen.',
    'no_history' => 'Es gibt noch keinen Verlauf.',
    'incomplete' => 'unvollständig',
    'this_month' => 'dieser Monat',
    'free' => 'Freier Speicher',
    'projected' => 'Erwartet bis Monatsende',
    'limit_on' => 'Limit bei diesem Tempo erreicht',
    'complete' => 'vollständig',
    'as_of_last' => 'Dies sind die zuletzt bekannten Werte. Neue sind zurzeit nicht verfügbar.',
    'byte' => 'B',
    'last_reported' => 'Zuletzt an WHMCS gemeldet',
    'policy' => 'Richtlinie',
    'policy_standard' => 'Standard',
    'policy_limited' => 'Eingeschränkt',
    'pinned' => 'von Hand gesetzt',
    'update_policy' => 'Richtlinie aktualisieren',
    'set_standard' => 'Standardrichtlinie setzen',
    'set_limited' => 'Eingeschränkte Richtlinie setzen',
    'not_allowed' => 'Das Token des Servereintrags erlaubt dies nicht.',
];
