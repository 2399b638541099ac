<?php
// The module's texts in Russian.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => 'Использование',
    'used' => 'Занято места',
    'limit' => 'Лимит',
    'percent' => 'Использовано от лимита',
    'unlimited' => 'Без ограничений',
    'unknown' => 'неизвестно',
    'last_30_days' => 'последние 30 дней',
    'monthly_average' => 'среднее за месяц',
    'disk' => 'Дисковое пространство',
    'disk_gb_month' => 'Дисковое пространство (UNIT-месяцы)',
    'traffic_in' => 'Входящий трафик',
    'traffic_out' => 'Исходящий трафик',
    'traffic_total' => 'Общий трафик',
    'last_reading' => 'Последнее измерение',
    'recalculate' => 'Пересчитать',
    'too_soon' => 'Данные были пересчитаны менее 10 минут назад. Повторите попытку позже.',
    'unreachable' => 'Данные сейчас недоступны.',
    'no_account' => 'Использование этой услуги пока не измеряется.',
    'no_history' => 'Истории пока нет.',
    'incomplete' => 'неполные данные',
    'this_month' => 'в этом месяце',
    'free' => 'Свободное место',
    'projected' => 'Ожидается к концу месяца',
    'limit_on' => 'Лимит будет достигнут при таком темпе',
    'complete' => 'полные',
    'as_of_last' => 'Это последние известные данные. Новые сейчас недоступны.',
    'byte' => 'B',
    'last_reported' => 'Последняя передача в WHMCS',
    'policy' => 'Политика',
    'policy_standard' => 'Стандартная',
    'policy_limited' => 'Ограниченная',
    'pinned' => 'задана вручную',
    'update_policy' => 'Обновить политику',
    'set_standard' => 'Установить стандартную политику',
    'set_limited' => 'Установить ограниченную политику',
    'not_allowed' => 'Токен сервера не разрешает это действие.',
];
