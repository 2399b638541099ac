<?php
// The module's texts in Ukrainian; WHMCS spells the name of its own file this way.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Використання',
    'used' => 'Зайнято місця',
    'limit' => 'Ліміт',
    'percent' => 'Використано від ліміту',
    'unlimited' => 'Без обмежень',
    'unknown' => 'невідомо',
    'last_30_days' => 'останні 30 днів',
    'monthly_average' => 'середнє за місяць',
    'disk' => 'Дисковий простір',
    'disk_gb_month' => 'Дисковий простір (UNIT-місяці)',
    'traffic_in' => 'Вхідний трафік',
    'traffic_out' => 'Вихідний трафік',
    'traffic_total' => 'Загальний трафік',
    'last_reading' => 'Останнє вимірювання',
    'recalculate' => 'Перерахувати',
    'too_soon' => 'Дані було перераховано менш ніж 10 хвилин тому. Спробуйте пізніше.',
    'unreachable' => 'Дані зараз недоступні.',
    'no_account' => 'Використання цієї послуги ще не вимірюється.',
    'no_history' => 'Історії ще немає.',
    'incomplete' => 'неповні дані',
    'this_month' => 'цього місяця',
    'free' => 'Вільне місце',
    'projected' => 'Очікується до кінця місяця',
    'limit_on' => 'Ліміт буде досягнуто за таких темпів',
    'complete' => 'повні',
    'as_of_last' => 'Це останні відомі дані. Нові наразі недоступні.',
    'byte' => 'B',
    'last_reported' => 'Остання передача до WHMCS',
    'policy' => 'Політика',
    'policy_standard' => 'Стандартна',
    'policy_limited' => 'Обмежена',
    'pinned' => 'встановлено вручну',
    'update_policy' => 'Оновити політику',
    'set_standard' => 'Встановити стандартну політику',
    'set_limited' => 'Встановити обмежену політику',
    'not_allowed' => 'Токен сервера не дозволяє цю дію.',
];
