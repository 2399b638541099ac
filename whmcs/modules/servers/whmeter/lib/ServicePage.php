<?php
// One service's figures, asked for and shown: to its customer, or to staff.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

use WHMCS\Database\Capsule;

final class ServicePage
{
    /** Nobody waits for a page longer than this, whatever whmeter does. */
    private const SECONDS = 2.0;

    /** @param int|null $button see ClientPage::html */
    public static function ofClient(array $params, ?int $button): string
    {
        $texts = Texts::ofClient($params);
        return Safely::run('client page', $params, static function () use ($params, $texts, $button): string {
            $account = Account::of($params);
            return $account === null
                ? ClientPage::sorry('no_account', $texts)
                : ClientPage::html(self::standing($account, $params), $texts, $button);
        }, static function (\Throwable $error) use ($texts): string {
            $unknown = $error instanceof Refused && $error->status === 404;
            return ClientPage::sorry($unknown ? 'no_account' : 'unreachable', $texts);
        });
    }

    /** @return array<string, string> HTML by label */
    public static function ofAdmin(array $params): array
    {
        $texts = Texts::ofAdmin();
        return Safely::run('admin tab', $params, static function () use ($params, $texts): array {
            $account = Account::of($params);
            return $account === null
                ? [$texts->get('title') => $texts->html('no_account')]
                : AdminTab::fields(self::standing($account, $params), $texts);
        }, static fn (\Throwable $error) => AdminTab::sorry($error, Client::secrets($params), $texts));
    }

    /** The parameters of a service that another module runs, on a server that is metered; null for all others. */
    public static function paramsOfOther(int $service): ?array
    {
        $row = Capsule::table('tblhosting')->where('id', $service)->first(['server', 'username']);
        $entry = $row ? Servers::entryFor((int) $row->server) : null;
        if ($entry === null || $entry === (int) $row->server) {
            return null;
        }
        $own = ['metered' => (int) $row->server, 'serviceid' => $service, 'username' => (string) $row->username];
        return $own + Servers::params($entry);
    }

    /** With the unit that the service's product wants amounts shown in. */
    private static function shown(array $usage, int $service): array
    {
        $wanted = Safely::run('unit of the product', [], static function () use ($service): ?string {
            $row = Capsule::table('tblhosting')->where('id', $service)->first(['packageid']);
            $product = $row ? Capsule::table('tblproducts')->where('id', (int) $row->packageid)->first() : null;
            return $product ? ProductLimits::unit($product) : null;
        }, static fn () => null);
        return $wanted !== null && is_array($usage['unit'] ?? null) ? ['unit' => ['shown' => $wanted] + $usage['unit']] + $usage : $usage;
    }

    /** As whmeter says now; where it does not answer, as it said when it was last asked. @throws Refused */
    private static function standing(Account $account, array $params): Standing
    {
        $client = Client::hurried($params, self::SECONDS);
        try {
            $usage = $account->look($client);
        } catch (Refused $refused) {
            $kept = $refused->status === 0 || $refused->status >= 500 ? $account->lastLook() : null;
            if ($kept === null) {
                throw $refused;
            }
            Safely::log('page of what was known last', $params, $refused);
            return Standing::of($kept, [], true);
        }
        $usage = self::shown($usage, (int) ($params['serviceid'] ?? 0));
        $account->keepLook($usage);
        $noHistory = static fn () => [];
        $history = Safely::run('history', $params, static fn () => $account->history($client), $noHistory);
        return Standing::of($usage, $history);
    }
}
