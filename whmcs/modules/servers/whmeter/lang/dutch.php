<?php
// The module's texts in Dutch.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Verbruik',
    'used' => 'Gebruikte ruimte',
    'limit' => 'Limiet',
    'percent' => 'Gebruikt van limiet',
    'unlimited' => 'Onbeperkt',
    'unknown' => 'onbekend',
    'last_30_days' => 'afgelopen 30 dagen',
    'monthly_average' => 'gemiddelde per maand',
    'disk' => 'Schijfruimte',
    'disk_gb_month' => 'Schijfruimte (UNIT-maanden)',
    'traffic_in' => 'Inkomend verkeer',
    'traffic_out' => 'Uitgaand verkeer',
    'traffic_total' => 'Totaal verkeer',
    'last_reading' => 'Laatste meting',
    'recalculate' => 'Herberekenen',
    'too_soon' => 'De cijfers zijn minder dan 10 minuten geleden herberekend. Probeer het later opnieuw.',
    'unreachable' => 'De cijfers zijn op dit moment niet beschikbaar.',
    'no_account' => 'Het verbruik van deze dienst wordt nog niet gemeten.',
    'no_history' => 'Er is nog geen geschiedenis.',
    'incomplete' => 'onvolledig',
    'this_month' => 'deze maand',
    'free' => 'Vrije ruimte',
    'projected' => 'Verwacht aan het einde van de maand',
    'limit_on' => 'Limiet bereikt in dit tempo',
    'complete' => 'volledig',
    'as_of_last' => 'Dit zijn de laatst bekende cijfers. Nieuwe zijn op dit moment niet beschikbaar.',
    'byte' => 'B',
    'last_reported' => 'Laatst aan WHMCS gemeld',
    'policy' => 'Beleid',
    'policy_standard' => 'Standaard',
    'policy_limited' => 'Beperkt',
    'pinned' => 'handmatig ingesteld',
    'update_policy' => 'Beleid bijwerken',
    'set_standard' => 'Standaardbeleid instellen',
    'set_limited' => 'Beperkt beleid instellen',
    'not_allowed' => 'Het token van de server staat dit niet toe.',
];
