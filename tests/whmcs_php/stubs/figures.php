<?php
// Answers of a whmeter that has seen a while, for pages to be looked at.

declare(strict_types=1);

/** Thirty days that grow; twelve months. */
function history(): array
{
    $days = $months = [];
    for ($back = 29; $back >= 0; $back--) {
        $days[] = ['day' => date('Y-m-d', strtotime("today -$back days")), 'disk' => sprintf('%d.50000', 60 + (29 - $back)), 'traffic_out' => '0.25000', 'complete' => $back > 0];
    }
    for ($back = 11; $back >= 0; $back--) {
        $month = date('Y-m', strtotime(date('Y-m-01') . " -$back months"));
        $months[] = ['month' => $month, 'disk_average' => sprintf('%d.00000', 20 + 5 * (11 - $back)), 'complete' => $back > 0];
    }
    return ['schema' => 1, 'days' => $days, 'months' => $months];
}

function usage_with_parts(): array
{
    $now = time();
    $value = static fn (string $value) => ['value' => $value, 'collected_at' => $now];
    $list = [];
    foreach (['backup-of-the-mail-server-with-a-name-as-long-as-a-bucket-may-have-63' => '41.00000', 'media' => '22.50000', 'photos-2026' => '12.00000', 'logs' => '5.10000',
        'site' => '4.00000', 'old-site' => '3.00000', 'invoices' => '2.00000', 'exports' => '1.50000', 'cache' => '1.00000', 'tmp' => '0.60000', 'test' => '0.40000', 'empty' => '0.00000'] as $name => $size) {
        $list[] = ['name' => $name, 'value' => $size];
    }
    return [
        'schema' => 1,
        'values' => ['disk' => $value('93.41000'), 'disk_gb_month' => $value('71.20000'), 'traffic_in' => $value('12.10000'), 'traffic_out' => $value('7.25000')],
        'limits' => ['disk' => '100.00000', 'traffic_out' => '500.00000'],
        'policy' => 'standard',
        'unit' => ['name' => 'GB', 'disk' => 1 << 30, 'disk_gb_month' => 1 << 30, 'traffic' => 1000000000],
        'reported' => ['disk_gb_month' => ['value' => '71.20000', 'carried' => '0.31250', 'at' => $now - 7200], 'traffic_out' => ['value' => '7.20000', 'carried' => '0.00000', 'at' => $now - 7200]],
        'parts' => ['disk' => ['read_at' => $now - 900, 'sum' => '93.10000', 'differs' => true, 'list' => $list, 'others' => ['count' => 3, 'value' => '0.31000']]],
        'so_far' => [['meter' => 'storage', 'amount' => '3.21', 'currency' => 'EUR'], ['meter' => 'traffic_out', 'amount' => '0.00', 'currency' => 'EUR']],
    ];
}

function fleet_status(): array
{
    $at = gmdate('Y-m-d\TH:i:s\Z');
    $panel = static fn (string $name, string $state, int $accounts, array $more = []) => $more + ['backend' => $name, 'state' => $state, 'succeeded_at' => $at, 'accounts' => $accounts, 'unread' => 0];
    return [
        'schema' => 1, 'at' => $at, 'state' => 'wrong',
        'problems' => ['pve-waw2 is not read (refused): 401 no such token: `whmeter check --backend pve-waw2`', '2 lines: `whmeter report --what untold`'],
        'backends' => [$panel('s3-fra1', 'well', 1042), $panel('pve-waw2', 'failing', 318, ['reason' => 'refused', 'detail' => 'the panel answers 401: no such token', 'unread' => 318]), $panel('plesk-1', 'well', 87)],
        'findings' => ['unbilled' => ['lines' => 6, 'unknown' => 0], 'companions' => ['lines' => 2, 'unknown' => 0], 'sizes' => ['lines' => 1, 'unknown' => 0], 'totals' => ['lines' => 1, 'unknown' => 2], 'pins' => ['lines' => 0, 'unknown' => 0]],
        'unbilled' => ['EUR' => '41.37', 'PLN' => '12.00'],
    ];
}

function fleet_findings(): array
{
    $since = gmdate('Y-m-d\TH:i:s\Z', time() - 864000);
    $one = ['what' => 'unbilled', 'state' => 'unmapped', 'backend' => 's3-fra1', 'account' => '1042-7731', 'meter' => 'storage', 'bytes' => 412316860416, 'amount' => '38.40', 'currency' => 'EUR', 'since' => $since];
    return [$one, ['account' => 'a-customer-with-a-rather-long-name-of-an-account', 'meter' => 'traffic_out', 'bytes' => 7516192768, 'amount' => '2.97'] + $one,
        ['state' => 'ended', 'service' => 7731, 'client' => 1042, 'username' => '1042-7731', 'product' => 'S3 Storage 100', 'detail' => 'the service is Terminated'] + $one,
        ['state' => 'unknown', 'account' => null, 'bytes' => null, 'amount' => null, 'detail' => 'WHMCS has not sent the services of its server 14 yet'] + $one];
}

function fleet_map(): array
{
    $one = ['backend' => 's3-fra1', 'account' => '1042-7731', 'server' => 12, 'state' => 'mapped', 'service' => 7731, 'client' => 1042, 'username' => '1042-7731', 'product' => 'S3 Storage 100', 'status' => 'Active'];
    $none = ['service' => null, 'client' => null, 'username' => null, 'product' => null, 'status' => null];
    return ['schema' => 1, 'untold' => ['plesk-1'], 'next_cursor' => 'a_cursor', 'rows' => [$one, ['account' => 'nobodys', 'state' => 'unmapped'] + $none + $one,
        ['account' => 'by-hand', 'state' => 'pinned'] + $one, ['backend' => null, 'account' => null, 'state' => 'missing', 'service' => 7740] + $one]];
}

function fleet_companions(): array
{
    return [
        ['service' => 7731, 'companion' => 0, 'said' => 'service 7731 has no companion, and its usage is not billed', 'would' => 'order one of product 31'],
        ['service' => 7740, 'companion' => 8102, 'said' => 'companion 8102 is Active, and its service Suspended', 'would' => 'suspend it'],
        ['service' => 7750, 'companion' => 8103, 'said' => 'service 7750 has several companions (8103, 8110): end all but one', 'would' => null],
    ];
}

function fleet_log(): array
{
    $at = gmdate('Y-m-d\TH:i:s\Z');
    $one = ['at' => $at, 'actor' => 'API, token whmcs-staff, for WHMCS admin operator', 'backend' => 's3-fra1', 'account' => '1042-7731', 'action' => 'map', 'from' => null, 'to' => 'service 7731', 'why' => 'asked for by hand', 'answer' => ''];
    return ['schema' => 1, 'next_cursor' => null, 'rows' => [$one, ['actor' => 'usage', 'action' => 'limit', 'from' => 'standard', 'to' => 'limited', 'why' => 'storage reached 100 % of its limit', 'answer' => 'read back: limited'] + $one]];
}
