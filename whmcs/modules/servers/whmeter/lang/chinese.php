<?php
// The module's texts in Chinese.

declare(strict_types=1);

defined('WHMCS') || exit('This file cannot be accessed directly');

return [
    'direction' => 'ltr',
    'title' => '用量',
    'used' => '已用空间',
    'limit' => '限额',
    'percent' => '限额使用率',
    'unlimited' => '不限',
    'unknown' => '未知',
    'last_30_days' => '最近 30 天',
    'monthly_average' => '月平均',
    'disk' => '磁盘空间',
    'disk_gb_month' => '磁盘空间（UNIT·月）',
    'traffic_in' => '入站流量',
    'traffic_out' => '出站流量',
    'traffic_total' => '总流量',
    'last_reading' => '最近一次读数',
    'recalculate' => '重新计算',
    'too_soon' => '数据在 10 分钟内刚重新计算过，请稍后再试。',
    'unreachable' => '数据暂时不可用。',
    'no_account' => '此服务的用量尚未计量。',
    'no_history' => '暂无历史记录。',
    'incomplete' => '不完整',
    'this_month' => '本月',
    'free' => '剩余空间',
    'projected' => '预计到月底',
    'limit_on' => '按此速度达到限额',
    'complete' => '完整',
    'as_of_last' => '这些是最近一次已知的数据，目前无法获取新数据。',
    'byte' => 'B',
    'last_reported' => '最近一次报告给 WHMCS',
    'policy' => '策略',
    'policy_standard' => '标准',
    'policy_limited' => '受限',
    'pinned' => '手动设定',
    'update_policy' => '更新策略',
    'set_standard' => '设为标准策略',
    'set_limited' => '设为受限策略',
    'not_allowed' => '服务器条目的令牌无权执行此操作。',
];
