<?php
// Services that are sold as add-ons on one server: WHMCS bills no metrics of them, so they are sent to whmeter.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class AddonList
{
    private const NEEDED = ['id', 'hostingid', 'addonid', 'server', 'status'];
    private const MORE = ['userid', 'name', 'regdate'];

    /** @return array[]|null null in a WHMCS before 7.2, where add-ons have no servers */
    public static function of(int $server): ?array
    {
        if (!Columns::hasAll('tblhostingaddons', self::NEEDED)) {
            return null;
        }
        $columns = [...self::NEEDED, ...Columns::present('tblhostingaddons', self::MORE)];
        $rows = iterator_to_array(Capsule::table('tblhostingaddons')->where('server', $server)->orderBy('id')->get($columns), false);
        if ($rows === []) {
            return [];
        }
        $names = self::names();
        $clients = self::clients($rows);
        $usernames = CustomField::read('addon', 'Username');
        return array_map(static function (object $row) use ($names, $clients, $usernames): array {
            $addon = [
                'id' => (int) $row->id,
                'service' => (int) $row->hostingid,
                'client' => $clients[(int) $row->id],
                'username' => $usernames->of((int) $row->id, (int) $row->addonid),
                // An add-on of its own wording has its name here, a predefined one in its definition.
                'name' => Stored::text($row->name ?? '') ?: $names[(int) $row->addonid] ?? '',
                'status' => (string) $row->status,
                'registered' => Day::of($row->regdate ?? null),
            ];
            return array_filter($addon, static fn ($value) => $value !== null);
        }, $rows);
    }

    /** @return array<int, string> what the predefined add-ons are called */
    private static function names(): array
    {
        $names = [];
        if (Columns::hasAll('tbladdons', ['id', 'name'])) {
            foreach (Capsule::table('tbladdons')->get(['id', 'name']) as $addon) {
                $names[(int) $addon->id] = Stored::text($addon->name);
            }
        }
        return $names;
    }

    /** @return array<int, int> whose each is; where that is not written beside it, whose service it is attached to */
    private static function clients(array $rows): array
    {
        $clients = $unsaid = [];
        foreach ($rows as $row) {
            $clients[(int) $row->id] = (int) ($row->userid ?? 0);
            if ($clients[(int) $row->id] === 0) {
                $unsaid[(int) $row->id] = (int) $row->hostingid;
            }
        }
        $owners = [];
        // In portions, as a database takes only so many values in one question.
        foreach (array_chunk(array_unique($unsaid), 1000) as $services) {
            foreach (Capsule::table('tblhosting')->whereIn('id', $services)->get(['id', 'userid']) as $service) {
                $owners[(int) $service->id] = (int) $service->userid;
            }
        }
        foreach ($unsaid as $id => $service) {
            $clients[$id] = $owners[$service] ?? 0;
        }
        return $clients;
    }
}
