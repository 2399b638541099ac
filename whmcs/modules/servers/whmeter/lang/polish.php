<?php
// The module's texts in Polish.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Zużycie',
    'used' => 'Zajęte miejsce',
    'limit' => 'Limit',
    'percent' => 'Wykorzystanie limitu',
    'unlimited' => 'Bez limitu',
    'unknown' => 'nieznane',
    'last_30_days' => 'ostatnie 30 dni',
    'monthly_average' => 'średnia miesięczna',
    'disk' => 'Miejsce na dysku',
    'disk_gb_month' => 'Miejsce na dysku (UNIT-miesiące)',
    'traffic_in' => 'Ruch przychodzący',
    'traffic_out' => 'Ruch wychodzący',
    'traffic_total' => 'Ruch łącznie',
    'last_reading' => 'Ostatni odczyt',
    'recalculate' => 'Przelicz ponownie',
    'too_soon' => 'Dane przeliczono mniej niż 10 minut temu. Spróbuj ponownie później.',
    'unreachable' => 'Dane są w tej chwili niedostępne.',
    'no_account' => 'Zużycie tej usługi nie jest jeszcze mierzone.',
    'no_history' => 'Nie ma jeszcze historii.',
    'incomplete' => 'niepełne',
    'this_month' => 'w tym miesiącu',
    'free' => 'Wolne miejsce',
    'projected' => 'Przewidywane na koniec miesiąca',
    'limit_on' => 'Limit osiągnięty przy tym tempie',
    'complete' => 'pełne',
    'as_of_last' => 'To ostatnie znane wartości. Nowe są chwilowo niedostępne.',
    'byte' => 'B',
    'last_reported' => 'Ostatnio przekazano do WHMCS',
    'policy' => 'Polityka',
    'policy_standard' => 'Standardowa',
    'policy_limited' => 'Ograniczona',
    'pinned' => 'ustawiona ręcznie',
    'update_policy' => 'Aktualizuj politykę',
    'set_standard' => 'Ustaw politykę standardową',
    'set_limited' => 'Ustaw politykę ograniczoną',
    'not_allowed' => 'Token serwera na to nie pozwala.',
];
